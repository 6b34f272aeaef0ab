// What the launch of a container needs beyond CLinux.h. Same rules: one system call each, result or negated errno.
#pragma once
#include <linux/time_types.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <sys/vfs.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

static const uint64_t ck_CLONE_CLEAR_SIGHAND = CLONE_CLEAR_SIGHAND;
static const uint64_t ck_CLONE_FILES = CLONE_FILES;
static const int ck_P_PIDFD = 3;
static const int ck_MNT_DETACH = 2;
static const int ck_IOPRIO_WHO_PROCESS = 1;
/// man 5 proc_pid_stat, flags: the process has not executed a program since its fork.
static const uint64_t ck_PF_FORKNOEXEC = 0x40;
static const uint64_t ck_MS_BIND = 4096;
static const uint64_t ck_MS_REC = 16384;
static const uint64_t ck_MS_SLAVE = 1 << 19;
static const uint64_t ck_MS_PRIVATE = 1 << 18;

// MARK: files

static inline long ck_mkdirat(int directory, const char *path, unsigned mode) {
    return CK_SYSCALL(SYS_mkdirat, directory, path, mode);
}
static inline long ck_mknodat(int directory, const char *path, unsigned mode, uint64_t device) {
    return CK_SYSCALL(SYS_mknodat, directory, path, mode, (unsigned)device);
}
static inline long ck_symlinkat(const char *target, int directory, const char *path) {
    return CK_SYSCALL(SYS_symlinkat, target, directory, path);
}
static inline long ck_readlinkat(int directory, const char *path, char *buffer, size_t size) {
    return CK_SYSCALL(SYS_readlinkat, directory, path, buffer, size);
}
static inline long ck_unlinkat(int directory, const char *path, int flags) {
    return CK_SYSCALL(SYS_unlinkat, directory, path, flags);
}
static inline long ck_fchownat(int directory, const char *path, unsigned uid, unsigned gid, int flags) {
    return CK_SYSCALL(SYS_fchownat, directory, path, uid, gid, flags);
}
static inline long ck_fchmodat(int directory, const char *path, unsigned mode) {
    return CK_SYSCALL(SYS_fchmodat, directory, path, mode);
}
static inline long ck_faccessat(int directory, const char *path, int mode) {
    return CK_SYSCALL(SYS_faccessat, directory, path, mode);
}
static inline long ck_fstat(int descriptor, struct stat *result) { return ckResult(fstat(descriptor, result)); }
static inline long ck_fstatat(int directory, const char *path, struct stat *result, int flags) {
    return ckResult(fstatat(directory, path, result, flags));
}
/// The magic number of the file system a descriptor lies on.
static inline long ck_file_system_type(int descriptor) {
    struct statfs status;
    long result = ckResult(fstatfs(descriptor, &status));
    return result < 0 ? result : (long)(unsigned)status.f_type;
}
static inline long ck_chroot(const char *path) { return CK_SYSCALL(SYS_chroot, path); }
static inline long ck_chdir(const char *path) { return CK_SYSCALL(SYS_chdir, path); }
static inline long ck_fchdir(int descriptor) { return CK_SYSCALL(SYS_fchdir, descriptor); }
/// The raw call: a directory outside the root reads "(unreachable)…", where glibc's would walk.
static inline long ck_getcwd(char *buffer, size_t size) { return CK_SYSCALL(SYS_getcwd, buffer, size); }
static inline long ck_dup3(int from, int to, int flags) { return CK_SYSCALL(SYS_dup3, from, to, flags); }
static inline long ck_lseek(int descriptor, int64_t offset, int whence) {
    return CK_SYSCALL(SYS_lseek, descriptor, offset, whence);
}

// MARK: processes

static inline long ck_setsid(void) { return CK_SYSCALL(SYS_setsid); }
static inline long ck_umask(unsigned mask) { return CK_SYSCALL(SYS_umask, mask); }
static inline long ck_getppid(void) { return CK_SYSCALL(SYS_getppid); }
// Overwrites the arguments of the program, as /proc/<pid>/cmdline shows them.
void ck_hide_arguments(unsigned long count);
static inline long ck_kill(int pid, int signal_) { return CK_SYSCALL(SYS_kill, pid, signal_); }
/// exit_group(2) without a way back, and without the handlers of exit(3).
_Noreturn static inline void ck_exit(int status) {
    for (;;) syscall(SYS_exit_group, status);
}
/// -ESRCH when the process has given up its memory, because it is ending or has ended. See: man 2 process_vm_readv.
static inline long ck_probe_memory(int pid) {
    char byte;
    // struct iovec; address 0 is never mapped.
    struct { void *base; size_t size; } local = {&byte, 1}, remote = {0, 1};
    // Full words: a smaller argument on the stack would leave its upper half to chance.
    return CK_SYSCALL(SYS_process_vm_readv, (long)pid, &local, 1UL, &remote, 1UL, 0UL);
}
static inline long ck_sethostname(const char *name, size_t size) { return CK_SYSCALL(SYS_sethostname, name, size); }
static inline long ck_setdomainname(const char *name, size_t size) {
    return CK_SYSCALL(SYS_setdomainname, name, size);
}
static inline long ck_ioprio_set(int which, int who, int priority) {
    return CK_SYSCALL(SYS_ioprio_set, which, who, priority);
}
static inline long ck_fchmod(int descriptor, unsigned mode) { return CK_SYSCALL(SYS_fchmod, descriptor, mode); }
/// Sets the time of modification, and that of access to the same.
static inline long ck_set_times(int descriptor, struct timespec modified) {
    struct timespec times[2] = {modified, modified};
    return CK_SYSCALL(SYS_utimensat, descriptor, NULL, times, 0);
}
static inline long ck_set_mempolicy(unsigned mode, const void *nodes, size_t bits) {
    return CK_SYSCALL(SYS_set_mempolicy, mode, bits ? nodes : NULL, bits);
}
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
static inline long ck_pidfd_getfd(int pidfd, int descriptor) { return CK_SYSCALL(SYS_pidfd_getfd, pidfd, descriptor, 0); }
/// A word that two processes share.
static inline uint32_t ck_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void ck_store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
static inline long ck_personality(unsigned long domain) { return CK_SYSCALL(SYS_personality, domain); }
static inline long ck_sched_setattr(
    unsigned policy, uint64_t flags, int nice_, unsigned priority, uint64_t runtime, uint64_t deadline, uint64_t period) {
    // struct sched_attr, version 0 (man 2 sched_setattr); older headers lack it.
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {48, policy, flags, nice_, priority, runtime, deadline, period};
    return CK_SYSCALL(SYS_sched_setattr, 0, &attributes, 0);
}
/// Loads a filter given as the bytes of a `struct sock_filter` array.
long ck_seccomp_load(unsigned flags, const void *program, size_t size);
/// Default action for every signal, and an empty mask.
void ck_reset_signals(void);
/// An empty signal mask, and the default action for SIGPIPE.
void ck_empty_signal_mask(void);
/// A zeroed page that stays shared across clone(2); NULL without memory.
void *ck_shared_page(void);
void ck_unmap_page(void *page);

// MARK: device filters of cgroup v2

/// Loads a BPF_PROG_TYPE_CGROUP_DEVICE program given as the bytes of a `struct bpf_insn` array; returns a descriptor.
long ck_device_filter_load(const void *program, size_t size);
/// Attaches it to a cgroup directory.
long ck_device_filter_attach(int program, int cgroup);

// MARK: network

/// Sets IFF_UP on `lo` of the network namespace the caller is in.
long ck_raise_loopback(void);
/// Connects a non-blocking stream socket to a port of the loopback interface (or `address`, 4 or 16 bytes in network
/// order); -EINPROGRESS when it is under way.
long ck_connect_inet(int socket, const uint8_t *address, size_t size, uint16_t port);
/// SO_ERROR as a negated errno, 0 when there is none.
long ck_socket_error(int socket);
