typedef int daemon_placeholder;
