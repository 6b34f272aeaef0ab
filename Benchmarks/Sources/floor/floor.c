// The floor: a container made by the least number of system calls that give it the configuration of a default one, and nothing else. What
// a library needs beyond that (plans, supervision, records) is measured against it.
//
// floor --root <directory> [--overlay <directory>] [--filter <file>] [--runs <n>] [--serve] [--memory <bytes>] [--pids <n>]
//       [--quota <µs of 100 ms>] [-- <command>...]
//
// --overlay   a directory for the upper and work directories of an overlay over the root; otherwise the root is bound
// --filter    a seccomp program, as an array of struct sock_filter
// --serve     reads a line from standard input before each run and answers with its nanoseconds, so that a driver can interleave runs
//
// Prints one line of nanoseconds for each run: from before the first effect until everything is removed again.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The capabilities that Docker leaves: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
// sys_chroot, mknod, audit_write, setfcap.
#define CAPABILITIES 0x00000000a80425fbULL
#define LAST_CAPABILITY 40

static const char *const masked_files[] = {"proc/kcore", "proc/keys", "proc/latency_stats", "proc/timer_list", "proc/sched_debug",
                                           "proc/interrupts"};
static const char *const masked_directories[] = {"proc/asound", "proc/acpi", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap"};
static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
static const struct { const char *name; unsigned minor; unsigned major; } devices[] = {
    {"dev/null", 3, 1}, {"dev/zero", 5, 1}, {"dev/full", 7, 1}, {"dev/random", 8, 1}, {"dev/urandom", 9, 1}, {"dev/tty", 0, 5}};
static const struct { const char *target, *path; } links[] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
    {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};

static const char *root, *overlay, *memory = "67108864", *pids = "64", *quota = "50000";
static char *default_command[] = {"/bin/true", NULL};
static char **command = default_command;
static char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
static struct sock_fprog filter;
static int own_pid_namespace;
// A mount namespace with nothing in it but an empty file system that nobody can write to; those of the containers are copies of it.
static int empty_mounts;

// A step that fails ends the process it happens in; it names itself.
#define TRY(expression) ({ long result_ = (expression); if (result_ < 0) fail(#expression); result_; })
static void fail(const char *what) {
    dprintf(2, "floor: %s: %s\n", what, strerror(errno));
    _exit(125);
}

static int tree_open(int directory, const char *path, unsigned flags) { return syscall(SYS_open_tree, directory, path, flags); }
static int tree_move(int from, int directory, const char *to) {
    return syscall(SYS_move_mount, from, "", directory, to, MOVE_MOUNT_F_EMPTY_PATH);
}
static int fs_open(const char *type) { return syscall(SYS_fsopen, type, FSOPEN_CLOEXEC); }
static int fs_set(int context, const char *key, const char *value) {
    return syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}
static int fs_mount(int context, unsigned attributes) {
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return -1;
    int mount = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
    close(context);
    return mount;
}
static int set_attributes(int mount, uint64_t attributes) {
    struct mount_attr value = {.attr_set = attributes};
    return syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &value, sizeof value);
}

// A new file system with up to three options, at a path below the working directory.
static void mount_new(const char *type, const char *target, unsigned attributes, const char *const options[][2]) {
    int context = TRY(fs_open(type));
    for (; options && (*options)[0]; options++) TRY(fs_set(context, (*options)[0], (*options)[1]));
    int mount = TRY(fs_mount(context, attributes));
    TRY(tree_move(mount, AT_FDCWD, target));
    close(mount);
}
#define OPTIONS(...) ((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

// MARK: cgroups

static int unified = -1;  // 1: v2 only
static const char *const v1[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/devices"};
enum { V1_COUNT = 4 };
// Every node may be made, these may be opened: what Docker leaves.
static const char *const allowed_devices[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
                                              "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"};
static char parents[V1_COUNT][128];
static char groups[V1_COUNT][160];
static int group_count;

static void write_file(int directory, const char *name, const char *value) {
    int file = TRY(openat(directory, name, O_WRONLY | O_CLOEXEC));
    TRY(write(file, value, strlen(value)));
    close(file);
}

static void prepare_cgroups(void) {
    struct statfs status;
    TRY(statfs("/sys/fs/cgroup", &status));
    unified = status.f_type == 0x63677270;
    group_count = unified ? 1 : V1_COUNT;
    for (int index = 0; index < group_count; index++) {
        snprintf(parents[index], sizeof parents[index], "%s/containerkit-floor-%d", unified ? "/sys/fs/cgroup" : v1[index], getpid());
        TRY(mkdir(parents[index], 0755));
    }
    if (unified) write_file(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids +cpu");
    if (unified) {
        char name[256];
        snprintf(name, sizeof name, "%s/cgroup.subtree_control", parents[0]);
        write_file(AT_FDCWD, name, "+memory +pids +cpu");
    }
}

static void remove_parents(void) {
    for (int index = 0; index < group_count; index++) rmdir(parents[index]);
}

// Makes the run's cgroups and sets their limits. Returns for v2 the directory to clone into, else fills `tasks`.
static int make_cgroups(unsigned long run, int tasks[V1_COUNT]) {
    int into = -1;
    for (int index = 0; index < group_count; index++) {
        snprintf(groups[index], sizeof groups[index], "%s/%lu", parents[index], run);
        TRY(mkdir(groups[index], 0755));
        int directory = TRY(open(groups[index], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (unified) {
            char limit[64];
            snprintf(limit, sizeof limit, "%s 100000", quota);
            write_file(directory, "memory.max", memory);
            write_file(directory, "pids.max", pids);
            write_file(directory, "cpu.max", limit);
            into = directory;
            continue;
        }
        switch (index) {
        case 0: write_file(directory, "memory.limit_in_bytes", memory); break;
        case 1: write_file(directory, "pids.max", pids); break;
        case 2: write_file(directory, "cpu.cfs_quota_us", quota); break;
        case 3: {
            write_file(directory, "devices.deny", "a");
            int file = TRY(openat(directory, "devices.allow", O_WRONLY | O_CLOEXEC));
            for (size_t rule = 0; rule < sizeof allowed_devices / sizeof *allowed_devices; rule++)
                TRY(write(file, allowed_devices[rule], strlen(allowed_devices[rule])));
            close(file);
            break;
        }
        }
        // The new process writes itself into `tasks`, which spares the grace period that moving it from outside costs.
        tasks[index] = TRY(openat(directory, "tasks", O_WRONLY | O_CLOEXEC));
        close(directory);
    }
    return into;
}

static void remove_cgroups(void) {
    for (int index = 0; index < group_count; index++) TRY(rmdir(groups[index]));
}

// MARK: the container's process

static void limit_privileges(void) {
    TRY(syscall(SYS_setgroups, 0, NULL));
    TRY(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
    for (int capability = 0; capability <= LAST_CAPABILITY; capability++)
        if (!(CAPABILITIES >> capability & 1)) TRY(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0));
    TRY(syscall(SYS_setresgid, 0, 0, 0));
    TRY(syscall(SYS_setresuid, 0, 0, 0));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{(uint32_t)CAPABILITIES, (uint32_t)CAPABILITIES, 0}, {0, 0, 0}};
    TRY(syscall(SYS_capset, &header, data));
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (filter.len) TRY(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

static void mount_all(int tree) {
    TRY(tree_move(tree, AT_FDCWD, "/"));
    TRY(fchdir(tree));
    unsigned strict = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    mount_new("proc", "proc", strict, NULL);
    mount_new("tmpfs", "dev", MOUNT_ATTR_NOSUID, OPTIONS({"mode", "755"}, {"size", "65536k"}));
    TRY(mkdir("dev/pts", 0755));
    TRY(mkdir("dev/shm", 01777));
    TRY(mkdir("dev/mqueue", 01777));
    mount_new("devpts", "dev/pts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, OPTIONS({"mode", "620"}, {"gid", "5"}, {"ptmxmode", "666"}));
    mount_new("tmpfs", "dev/shm", strict, OPTIONS({"mode", "1777"}, {"size", "65536k"}));
    mount_new("mqueue", "dev/mqueue", strict, NULL);
    mount_new("sysfs", "sys", strict | MOUNT_ATTR_RDONLY, NULL);
    if (unified) mount_new("cgroup2", "sys/fs/cgroup", strict | MOUNT_ATTR_RDONLY, NULL);

    for (size_t index = 0; index < sizeof devices / sizeof *devices; index++) {
        TRY(mknodat(AT_FDCWD, devices[index].name, S_IFCHR | 0666, makedev(devices[index].major, devices[index].minor)));
        TRY(fchmodat(AT_FDCWD, devices[index].name, 0666, 0));
    }
    for (size_t index = 0; index < sizeof links / sizeof *links; index++) TRY(symlinkat(links[index].target, AT_FDCWD, links[index].path));

    int null = TRY(tree_open(AT_FDCWD, "dev/null", OPEN_TREE_CLOEXEC));
    for (size_t index = 0; index < sizeof masked_files / sizeof *masked_files; index++) {
        int copy = TRY(tree_open(null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
        if (tree_move(copy, AT_FDCWD, masked_files[index]) < 0 && errno != ENOENT) fail(masked_files[index]);
        close(copy);
    }
    close(null);
    // The empty file system serves all masked directories; it is this process's root still.
    int empty = TRY(tree_open(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    for (size_t index = 0; index < sizeof masked_directories / sizeof *masked_directories; index++) {
        int copy = TRY(tree_open(empty, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
        if (tree_move(copy, AT_FDCWD, masked_directories[index]) < 0 && errno != ENOENT) fail(masked_directories[index]);
        close(copy);
    }
    close(empty);
    for (size_t index = 0; index < sizeof read_only / sizeof *read_only; index++) {
        int copy = tree_open(AT_FDCWD, read_only[index], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (copy < 0 && errno == ENOENT) continue;
        TRY(set_attributes(copy, MOUNT_ATTR_RDONLY));
        TRY(tree_move(copy, AT_FDCWD, read_only[index]));
        close(copy);
    }
    TRY(chroot("."));
}

static void raise_loopback(void) {
    int socket_ = TRY(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    TRY(ioctl(socket_, 0x8914 /* SIOCSIFFLAGS */, &request));
    close(socket_);
}

static _Noreturn void become_container(int tree, const int tasks[V1_COUNT], int ready) {
    if (!unified)
        for (int index = 0; index < group_count; index++) TRY(write(tasks[index], "0", 1));
    TRY(setns(empty_mounts, CLONE_NEWNS));
    TRY(unshare(CLONE_NEWNS | CLONE_NEWCGROUP));
    TRY(setsid());
    mount_all(tree);
    TRY(sethostname("floor", 5));
    raise_loopback();
    struct rlimit files = {1024, 1024};
    TRY(setrlimit(RLIMIT_NOFILE, &files));
    umask(022);
    (void)ready;
    limit_privileges();
    TRY(execve(command[0], command, environment));
    _exit(126);
}

// Once: it is entered and copied by every container.
static void prepare_empty_mounts(void) {
    int ready[2], done[2];
    TRY(pipe2(ready, O_CLOEXEC));
    TRY(pipe2(done, O_CLOEXEC));
    char byte;
    pid_t maker = TRY(fork());
    if (maker == 0) {
        TRY(unshare(CLONE_NEWNS));
        TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        int context = TRY(fs_open("tmpfs"));
        TRY(fs_set(context, "nr_inodes", "1"));
        TRY(fs_set(context, "mode", "0"));
        int empty = TRY(fs_mount(context, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
        TRY(tree_move(empty, AT_FDCWD, "/"));
        TRY(fchdir(empty));
        TRY(syscall(SYS_pivot_root, ".", "."));
        TRY(umount2(".", MNT_DETACH));
        close(done[1]);
        close(ready[1]);
        TRY(read(done[0], &byte, 1));
        _exit(0);
    }
    close(ready[1]);
    TRY(read(ready[0], &byte, 1));
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/ns/mnt", maker);
    empty_mounts = TRY(open(name, O_RDONLY | O_CLOEXEC));
    close(done[1]);
    int status;
    TRY(waitpid(maker, &status, 0));
    if (status != 0) exit(1);
    close(ready[0]);
    close(done[0]);
}

// MARK: one run

static int make_root(unsigned long run, char *upper, char *work) {
    if (!overlay) return TRY(tree_open(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    sprintf(upper, "%s/u%lu", overlay, run);
    sprintf(work, "%s/w%lu", overlay, run);
    TRY(mkdir(upper, 0755));
    TRY(mkdir(work, 0755));
    int context = TRY(fs_open("overlay"));
    TRY(fs_set(context, "lowerdir", root));
    TRY(fs_set(context, "upperdir", upper));
    TRY(fs_set(context, "workdir", work));
    return TRY(fs_mount(context, 0));
}

// What the overlay left in its directories for a command that wrote nothing.
static void remove_root(const char *upper, const char *work) {
    if (!overlay) return;
    char inner[300];
    snprintf(inner, sizeof inner, "%s/work", work);
    rmdir(inner);
    TRY(rmdir(work));
    // A command that did write is for the driver to remove.
    rmdir(upper);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void supervise(unsigned long run) {
    char upper[256], work[256];
    int tasks[V1_COUNT] = {-1, -1, -1, -1};
    int into = make_cgroups(run, tasks);
    int tree = make_root(run, upper, work);
    int ready[2];
    TRY(pipe2(ready, O_CLOEXEC));

    int pidfd = -1;
    struct clone_args arguments = {
        .flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | (unified ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD, .cgroup = unified ? into : 0};
    if (TRY(syscall(SYS_clone3, &arguments, sizeof arguments)) == 0) become_container(tree, tasks, ready[1]);
    close(tree);
    close(ready[1]);
    if (unified) close(into);
    else for (int index = 0; index < group_count; index++) close(tasks[index]);

    // The other end closes at execve or at the end of the process.
    char byte;
    TRY(read(ready[0], &byte, 1));
    close(ready[0]);
    siginfo_t info;
    TRY(waitid(P_PIDFD, pidfd, &info, WEXITED));
    close(pidfd);
    remove_cgroups();
    remove_root(upper, work);
    if (info.si_code != CLD_EXITED || info.si_status == 125 || info.si_status == 126) {
        dprintf(2, "floor: the container ended with status %d\n", info.si_status);
        _exit(1);
    }
}

// A container's parent is a process of its own, process 1 of a pid namespace in which the container's is nested: its death is the
// container's by the kernel's hand. The floor gives the same guarantee.
static uint64_t run_once(unsigned long run) {
    uint64_t start = now();
    TRY(unshare(CLONE_NEWPID));
    pid_t parent = TRY(fork());
    if (parent == 0) {
        supervise(run);
        _exit(0);
    }
    // Without this a second unshare is refused.
    TRY(setns(own_pid_namespace, CLONE_NEWPID));
    int status;
    TRY(waitpid(parent, &status, 0));
    if (status != 0) {
        remove_parents();
        exit(1);
    }
    return now() - start;
}

static void load_filter(const char *path) {
    int file = TRY(open(path, O_RDONLY | O_CLOEXEC));
    struct stat status;
    TRY(fstat(file, &status));
    filter.len = status.st_size / sizeof(struct sock_filter);
    filter.filter = malloc(status.st_size);
    if (TRY(read(file, filter.filter, status.st_size)) != status.st_size) fail("read");
    close(file);
}

int main(int count, char **arguments) {
    unsigned long runs = 1;
    int serve = 0;
    for (int index = 1; index < count; index++) {
        const char *name = arguments[index];
        if (!strcmp(name, "--serve")) { serve = 1; continue; }
        if (index + 1 >= count) { fprintf(stderr, "floor: %s needs a value\n", name); return 2; }
        if (!strcmp(name, "--")) { command = arguments + index + 1; break; }
        const char *value = arguments[++index];
        if (!strcmp(name, "--root")) root = value;
        else if (!strcmp(name, "--overlay")) overlay = value;
        else if (!strcmp(name, "--filter")) load_filter(value);
        else if (!strcmp(name, "--runs")) runs = strtoul(value, NULL, 10);
        else if (!strcmp(name, "--memory")) memory = value;
        else if (!strcmp(name, "--pids")) pids = value;
        else if (!strcmp(name, "--quota")) quota = value;
        else { fprintf(stderr, "floor: unknown option %s\n", name); return 2; }
    }
    if (!root) { fprintf(stderr, "floor: --root is missing\n"); return 2; }
    prepare_cgroups();
    own_pid_namespace = TRY(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    prepare_empty_mounts();
    char line[64];
    for (unsigned long run = 0; serve ? fgets(line, sizeof line, stdin) != NULL : run < runs; run++) {
        uint64_t time = run_once(run);
        if (serve || runs > 1) {
            printf("%llu\n", (unsigned long long)time);
            fflush(stdout);
        }
    }
    remove_parents();
    return 0;
}
