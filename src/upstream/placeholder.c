typedef int upstream_placeholder;
