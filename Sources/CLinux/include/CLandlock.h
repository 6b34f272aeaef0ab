// Landlock (landlock(7)): a process limits itself to some directories. glibc has no wrapper.
#pragma once
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <errno.h>

/// Everything of the file system is forbidden, but all below `writable`, and reading below `readable`. Links to other directories
/// need the second version of the interface; before it -EOPNOTSUPP, and nothing is changed.
static inline long ck_landlock_confine(int writable, int readable) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 2) return version < 0 ? -(long)errno : -EOPNOTSUPP;
    const uint64_t all = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;
    const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_ruleset_attr attributes = {.handled_access_fs = all};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) return -(long)errno;
    struct landlock_path_beneath_attr rules[] = {
        {.allowed_access = all & ~LANDLOCK_ACCESS_FS_EXECUTE, .parent_fd = writable},
        {.allowed_access = read, .parent_fd = readable},
    };
    long result = 0;
    for (int index = 0; index < 2 && result == 0; index++)
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rules[index], 0) < 0) result = -(long)errno;
    if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) result = -(long)errno;
    close(ruleset);
    return result;
}
