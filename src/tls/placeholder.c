typedef int tls_placeholder;
