typedef int route_placeholder;
