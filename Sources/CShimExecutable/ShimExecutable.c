#include "CShimExecutable.h"

const int containerkit_serves_other_programs = 1;
