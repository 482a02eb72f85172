// As `control.c`, in C++.
#include "control.c"
