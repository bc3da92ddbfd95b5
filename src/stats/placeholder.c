typedef int stats_placeholder;
