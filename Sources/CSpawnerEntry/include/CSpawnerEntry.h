#pragma once
#include <stdint.h>
/// Referenced by the host side, so that every program that can ask for a spawner links the constructor too.
extern const int ckSpawnerEntryAnchor;
/// The arguments that the kernel gave this process, which a program inside ld.so or a static link does not always
/// see in `CommandLine`.
extern int ckArgumentCount;
extern char **ckArguments;
