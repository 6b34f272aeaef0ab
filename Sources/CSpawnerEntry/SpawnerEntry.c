#include "CSpawnerEntry.h"
const int ckSpawnerEntryAnchor = 1;
