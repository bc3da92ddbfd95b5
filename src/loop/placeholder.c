typedef int loop_placeholder;
