typedef int dns_placeholder;
