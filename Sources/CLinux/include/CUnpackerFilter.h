// The system call filter of the unpacker (seccomp(2)): an allow-list, made here since libseccomp's compiler is no part of the child side.
#pragma once

/// Loads a filter under which a process can work on files that it reaches through open directories, and on its own memory. What is
/// not in the list, executable memory among it, fails with ENOSYS. Needs no_new_privs.
/// - Returns: 0, or a negated errno.
long ck_filter_unpacker(void);
