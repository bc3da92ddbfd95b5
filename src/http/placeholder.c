typedef int http_placeholder;
