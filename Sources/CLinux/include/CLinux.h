// System calls, constants and structures that Swift's view of the C library lacks: glibc 2.36 has no wrapper,
// the function is variadic, or the constant is a macro Swift cannot read. Every function is one system call and
// returns its result, or the negated errno. A line may go when the oldest supported toolchain imports it itself.
#pragma once
// No _GNU_SOURCE here: another module's view of the same C headers would differ, and Swift refuses to mix them.
#include "CLandlock.h"
#include "CUnpackerFilter.h"
#include "Programs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

// What glibc hides without _GNU_SOURCE; generic values, equal on x86-64 and arm64 unless told apart.
#ifndef O_PATH
#define O_PATH 010000000
#endif
#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef AT_NO_AUTOMOUNT
#define AT_NO_AUTOMOUNT 0x800
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 0x0001
#define F_SEAL_SHRINK 0x0002
#define F_SEAL_GROW 0x0004
#define F_SEAL_WRITE 0x0008
#endif
#ifndef F_OFD_SETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200
#endif
#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif

static inline long ckResult(long result) { return result < 0 ? -(long)errno : result; }
#define CK_SYSCALL(...) ckResult(syscall(__VA_ARGS__))

// MARK: constants Swift cannot read

static const uint64_t ck_CLONE_INTO_CGROUP = CLONE_INTO_CGROUP;
static const uint64_t ck_CLONE_PIDFD = CLONE_PIDFD;
static const uint64_t ck_CLONE_PARENT = CLONE_PARENT;
static const uint64_t ck_CLONE_NEWNS = CLONE_NEWNS;
static const uint64_t ck_CLONE_NEWPID = CLONE_NEWPID;
static const uint64_t ck_CLONE_NEWNET = CLONE_NEWNET;
static const uint64_t ck_CLONE_NEWIPC = CLONE_NEWIPC;
static const uint64_t ck_CLONE_NEWUTS = CLONE_NEWUTS;
static const uint64_t ck_CLONE_NEWUSER = CLONE_NEWUSER;
static const uint64_t ck_CLONE_NEWCGROUP = CLONE_NEWCGROUP;
static const uint64_t ck_CLONE_NEWTIME = CLONE_NEWTIME;
static const int64_t ck_CGROUP2_SUPER_MAGIC = CGROUP2_SUPER_MAGIC;
static const int64_t ck_TMPFS_MAGIC = TMPFS_MAGIC;
static const int64_t ck_PROC_SUPER_MAGIC = PROC_SUPER_MAGIC;
static const int64_t ck_SYSFS_MAGIC = SYSFS_MAGIC;
static const int64_t ck_OVERLAYFS_SUPER_MAGIC = OVERLAYFS_SUPER_MAGIC;
static const int64_t ck_NFS_SUPER_MAGIC = NFS_SUPER_MAGIC;
static const unsigned long ck_TIOCSCTTY = TIOCSCTTY;
static const unsigned long ck_TIOCGPTPEER = TIOCGPTPEER;
static const unsigned long ck_TIOCSPTLCK = TIOCSPTLCK;
static const unsigned long ck_TIOCSWINSZ = TIOCSWINSZ;
static const unsigned long ck_TIOCGWINSZ = TIOCGWINSZ;
static const unsigned long ck_TIOCGPTN = TIOCGPTN;
static const unsigned long ck_FIONREAD = FIONREAD;
static const unsigned long ck_SIOCGIFFLAGS = 0x8913;
static const unsigned long ck_SIOCSIFFLAGS = 0x8914;

static const int ck_POSIX_SPAWN_SETSID = 0x80;

// MARK: files

static inline long ck_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return CK_SYSCALL(SYS_openat2, directory, path, &how, sizeof how);
}
static inline long ck_openat(int directory, const char *path, int flags, unsigned mode) {
    return CK_SYSCALL(SYS_openat, directory, path, flags, mode);
}
static inline long ck_read(int descriptor, void *bytes, size_t size) {
    return CK_SYSCALL(SYS_read, descriptor, bytes, size);
}
static inline long ck_write(int descriptor, const void *bytes, size_t size) {
    return CK_SYSCALL(SYS_write, descriptor, bytes, size);
}
static inline long ck_pipe2(int descriptors[2], int flags) { return CK_SYSCALL(SYS_pipe2, descriptors, flags); }
static inline long ck_getdents(int directory, void *entries, size_t size) {
    return CK_SYSCALL(SYS_getdents64, directory, entries, size);
}
static inline long ck_fchown(int descriptor, unsigned user, unsigned group) {
    return CK_SYSCALL(SYS_fchown, descriptor, user, group);
}
static inline long ck_flock(int descriptor, int operation) { return CK_SYSCALL(SYS_flock, descriptor, operation); }
static inline long ck_accept(int socket) { return CK_SYSCALL(SYS_accept4, socket, NULL, NULL, SOCK_CLOEXEC); }
static inline long ck_close_range(unsigned first, unsigned last, unsigned flags) {
    return CK_SYSCALL(SYS_close_range, first, last, flags);
}
static inline long ck_fallocate(int descriptor, int mode, int64_t offset, int64_t size) {
    return CK_SYSCALL(SYS_fallocate, descriptor, mode, offset, size);
}
static inline long ck_syncfs(int descriptor) { return CK_SYSCALL(SYS_syncfs, descriptor); }
static inline long ck_sendfile(int to, int from, size_t size) { return CK_SYSCALL(SYS_sendfile, to, from, NULL, size); }
static inline long ck_copy_file_range(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t size) {
    return CK_SYSCALL(SYS_copy_file_range, from, fromOffset, to, toOffset, size, 0);
}
static inline long ck_fcntl(int descriptor, int command, long argument) {
    return CK_SYSCALL(SYS_fcntl, descriptor, command, argument);
}
static inline long ck_ioctl(int descriptor, unsigned long request, unsigned long argument) {
    return CK_SYSCALL(SYS_ioctl, descriptor, request, argument);
}
static inline long ck_ioctl_pointer(int descriptor, unsigned long request, void *argument) {
    return CK_SYSCALL(SYS_ioctl, descriptor, request, argument);
}
static inline long ck_memfd_create(const char *name, unsigned flags) {
    return CK_SYSCALL(SYS_memfd_create, name, flags);
}
static inline long ck_renameat2(int from, const char *old, int to, const char *new_, unsigned flags) {
    return CK_SYSCALL(SYS_renameat2, from, old, to, new_, flags);
}
static inline long ck_statx(int directory, const char *path, int flags, unsigned mask, struct statx *result) {
    return CK_SYSCALL(SYS_statx, directory, path, flags, mask, result);
}
static inline long ck_flistxattr(int file, char *names, size_t size) { return CK_SYSCALL(SYS_flistxattr, file, names, size); }
static inline long ck_fgetxattr(int file, const char *name, void *value, size_t size) {
    return CK_SYSCALL(SYS_fgetxattr, file, name, value, size);
}
static inline long ck_fsetxattr(int file, const char *name, const void *value, size_t size) {
    return CK_SYSCALL(SYS_fsetxattr, file, name, value, size, 0);
}
static inline dev_t ck_makedev(unsigned major_, unsigned minor_) { return makedev(major_, minor_); }
static inline unsigned ck_major(dev_t device) { return major(device); }
static inline unsigned ck_minor(dev_t device) { return minor(device); }

// MARK: mounts (mount_setattr(2), open_tree(2), fsopen(2), move_mount(2))

static inline long ck_open_tree(int directory, const char *path, unsigned flags) {
    return CK_SYSCALL(SYS_open_tree, directory, path, flags);
}
static inline long ck_move_mount(int from, const char *old, int to, const char *new_, unsigned flags) {
    return CK_SYSCALL(SYS_move_mount, from, old, to, new_, flags);
}
static inline long ck_fsopen(const char *name, unsigned flags) { return CK_SYSCALL(SYS_fsopen, name, flags); }
static inline long ck_fsconfig(int context, unsigned command, const char *key, const void *value, int auxiliary) {
    return CK_SYSCALL(SYS_fsconfig, context, command, key, value, auxiliary);
}
static inline long ck_fsmount(int context, unsigned flags, unsigned attributes) {
    return CK_SYSCALL(SYS_fsmount, context, flags, attributes);
}
static inline long ck_mount_setattr(
    int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation, uint64_t userns) {
    struct mount_attr attributes = {
        .attr_set = set, .attr_clr = clear, .propagation = propagation, .userns_fd = userns};
    return CK_SYSCALL(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes);
}
static inline long ck_mount(
    const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
    return CK_SYSCALL(SYS_mount, source, target, type, flags, data);
}
static inline long ck_umount2(const char *target, int flags) { return CK_SYSCALL(SYS_umount2, target, flags); }
static inline long ck_pivot_root(const char *newRoot, const char *oldRoot) {
    return CK_SYSCALL(SYS_pivot_root, newRoot, oldRoot);
}

// MARK: processes

/// clone3(2) in the manner of fork(2): the child goes on on a copy of this stack. Returns 0 in the child. No
/// atfork handler runs, so only a single-threaded process may call it.
static inline long ck_clone3(uint64_t flags, int *pidfd, int exitSignal, int cgroup) {
    struct clone_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = flags;
    arguments.pidfd = (uint64_t)(uintptr_t)pidfd;
    arguments.exit_signal = (uint64_t)exitSignal;
    arguments.cgroup = (uint64_t)cgroup;
    return CK_SYSCALL(SYS_clone3, &arguments, sizeof arguments);
}
/// clone3(2) in the manner of vfork(2): the child runs `body(context)` on a stack of its own in the caller's memory, and the caller
/// waits until it has executed a program or ended. `body` must not return. Nothing is copied and nothing has to be thrown away again,
/// which is most of the cost of a fork; what the child leaves in memory stays there. Only for a single-threaded process, and not from
/// within such a child. -ENOSYS also where this package does not know the architecture.
long ck_clone3_borrowing(uint64_t flags, int *pidfd, int exitSignal, int cgroup, void (*body)(void *), void *context);
/// The older clone(2), where a filter of the host answers clone3 with ENOSYS. No CLONE_INTO_CGROUP, no CLONE_PIDFD.
static inline long ck_clone(unsigned long flags, int exitSignal) {
    return CK_SYSCALL(SYS_clone, flags | (unsigned long)exitSignal, 0, 0, 0, 0);
}
long ck_fork(void);
/// Gives the kernel back what this process has of memory and does not use: free pages of the heap, code it has mapped, the stack below the
/// caller, and that of `ck_clone3_borrowing`. For a process with one thread.
void ck_trim_memory(void);
/// Takes the code and constants of all images out of this process's page tables. What is used again comes back by a minor fault each 64 KiB;
/// what only the start needed, as the tables of the dynamic linker, does not.
void ck_forget_images(void);
/// Has everything that is allocated from here on lie together, on pages of its own: what is free in between, among what is there for good,
/// is taken and never used. For a process that forks many which look at the latter, so that it stays shared.
void ck_seal_heap(void);
/// Overwrites the environment in place, so that /proc/<pid>/environ of a fork shows nothing of it, and empties it.
void ck_clear_environment(void);
/// Gives every signal its default disposition, also those glibc keeps to itself (posix_spawn leaves them ignored).
void ck_default_signals(void);
/// Allows the calling thread on every processor.
long ck_reset_affinity(void);
static inline long ck_sched_setaffinity(int pid, size_t size, const void *mask) {
    return CK_SYSCALL(SYS_sched_setaffinity, pid, size, mask);
}
static inline long ck_setpriority(int which, int who, int value) {
    return CK_SYSCALL(SYS_setpriority, which, who, value);
}
static inline long ck_unshare(uint64_t flags) { return CK_SYSCALL(SYS_unshare, flags); }
static inline long ck_setns(int descriptor, int type) { return CK_SYSCALL(SYS_setns, descriptor, type); }
static inline long ck_pidfd_open(int pid, unsigned flags) { return CK_SYSCALL(SYS_pidfd_open, pid, flags); }
static inline long ck_pidfd_send_signal(int pidfd, int signal_) {
    return CK_SYSCALL(SYS_pidfd_send_signal, pidfd, signal_, NULL, 0);
}
static inline long ck_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return CK_SYSCALL(SYS_prctl, option, a, b, c, d);
}
static inline long ck_prctl_pointer(int option, const void *a) { return CK_SYSCALL(SYS_prctl, option, a, 0, 0, 0); }
static inline long ck_execveat(
    int directory, const char *path, char *const *arguments, char *const *environment, int flags) {
    return CK_SYSCALL(SYS_execveat, directory, path, arguments, environment, flags);
}
static inline long ck_execve(const char *path, char *const *arguments, char *const *environment) {
    return CK_SYSCALL(SYS_execve, path, arguments, environment);
}
static inline long ck_getpid(void) { return CK_SYSCALL(SYS_getpid); }
/// waitid(2) with rusage, which glibc leaves out.
static inline long ck_waitid(int type, int id, siginfo_t *info, int options, struct rusage *usage) {
    return CK_SYSCALL(SYS_waitid, type, id, info, options, usage);
}
static inline int ck_siginfo_pid(const siginfo_t *info) { return info->si_pid; }
static inline int ck_siginfo_status(const siginfo_t *info) { return info->si_status; }
static inline int ck_siginfo_code(const siginfo_t *info) { return info->si_code; }
static inline long ck_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c) {
    return CK_SYSCALL(SYS_keyctl, operation, a, b, c, 0);
}
static inline long ck_keyctl_join_session(const char *name) {
    return CK_SYSCALL(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
}
static inline long ck_prlimit(int pid, int resource, const struct rlimit *new_, struct rlimit *old) {
    return CK_SYSCALL(SYS_prlimit64, pid, resource, new_, old);
}

// MARK: credentials. The raw calls, since glibc's broadcast to all threads has no place in a fresh child.

static inline long ck_setresuid(unsigned real, unsigned effective, unsigned saved) {
    return CK_SYSCALL(SYS_setresuid, real, effective, saved);
}
static inline long ck_setresgid(unsigned real, unsigned effective, unsigned saved) {
    return CK_SYSCALL(SYS_setresgid, real, effective, saved);
}
static inline long ck_setgroups(size_t count, const unsigned *groups) {
    return CK_SYSCALL(SYS_setgroups, count, groups);
}
static inline long ck_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
    return CK_SYSCALL(SYS_capset, &header, data);
}
static inline long ck_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    long result = CK_SYSCALL(SYS_capget, &header, data);
    if (result < 0) return result;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}
static inline long ck_seccomp(unsigned operation, unsigned flags, const struct sock_fprog *program) {
    return CK_SYSCALL(SYS_seccomp, operation, flags, program);
}
static inline long ck_bpf(int command, union bpf_attr *attributes, unsigned size) {
    return CK_SYSCALL(SYS_bpf, command, attributes, size);
}

static inline long ck_epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    return CK_SYSCALL(SYS_epoll_ctl, epoll, operation, descriptor, event);
}

// MARK: sockets

static inline long ck_socket_pair(int type, int descriptors[2]) {
    return ckResult(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, descriptors));
}
static inline long ck_socket(int domain, int type, int protocol) {
    return ckResult(socket(domain, type | SOCK_CLOEXEC, protocol));
}
/// Sends one message with descriptors. `MSG_NOSIGNAL` is always set.
long ck_send(int socket, const void *bytes, size_t size, const int *descriptors, size_t count, int flags);
/// Receives one message. `*count` goes in as the room for descriptors and comes out as their number; all are
/// close-on-exec. A message or control data that did not fit is closed and answered with -EMSGSIZE.
long ck_receive(int socket, void *bytes, size_t size, int *descriptors, size_t *count, int flags);
/// Credentials of the peer at the time of connect(2) or socketpair(2).
long ck_peer_credentials(int socket, int *pid, unsigned *uid, unsigned *gid);
/// Binds or connects to a path socket, at most 107 bytes.
long ck_bind_path(int socket, const char *path);
long ck_connect_path(int socket, const char *path);

#include "Launch.h"
