// Starting other programs by posix_spawn(3).
#pragma once
#include <spawn.h>

/// The program gets no descriptor from `first` on, whatever others of this process left without close-on-exec.
int ck_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
