typedef int config_placeholder;
