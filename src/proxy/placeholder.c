typedef int proxy_placeholder;
