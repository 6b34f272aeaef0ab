internal import OCIModel

/// The facts of Docker's default profile (moby/profiles, seccomp/default.json of 2025): which system calls are allowed, and on what
/// condition. What no row names fails with EPERM.
enum DefaultSeccompTable {
    /// Rows that hold under a condition. `names` are separated by blanks.
    struct Row {
        var names: String
        /// Any of these capabilities is in the bounding set.
        var needs: String?
        /// Not when this capability is in the bounding set.
        var unless: String?
        /// Only on this architecture; nil is every one.
        var architecture: SeccompArchitecture?
        /// Only on a kernel of this version or above.
        var minimumKernel: KernelVersion?
        var argument: (index: UInt32, value: UInt64, comparison: String)?
        /// Fails with this error number instead of being allowed.
        var errno: UInt32?

        init(
            _ names: String, needs: String? = nil, unless: String? = nil, architecture: SeccompArchitecture? = nil,
            minimumKernel: KernelVersion? = nil, argument: (index: UInt32, value: UInt64, comparison: String)? = nil, errno: UInt32? = nil
        ) {
            self.names = names
            self.needs = needs
            self.unless = unless
            self.architecture = architecture
            self.minimumKernel = minimumKernel
            self.argument = argument
            self.errno = errno
        }
    }

    /// Allowed for everybody, whatever the arguments.
    static let always = """
        accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime clock_adjtime64
        clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect
        copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
        epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate
        fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork
        fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64
        futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid
        getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
        getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid
        gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl
        io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule
        landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat
        llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret
        mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
        mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock
        munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal
        pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease
        pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg
        recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall riscv_hwprobe
        rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
        rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
        sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
        sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
        sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer
        setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit
        set_robust_list setsid setsockopt set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt
        shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64
        statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
        timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
        timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
        utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
        """

    /// Address families below this are allowed, and those in `socketFamilies`. Left out are, among others, AF_ALG (38) and AF_VSOCK (40).
    static let socketFamiliesBelow: UInt64 = 12
    static let socketFamilies: [UInt64] = [
        13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
    ]

    /// Execution domains: Linux, Linux32, UNAME26, both, and the question for the current one.
    static let personalities: [UInt64] = [0, 0x8, 0x20000, 0x20008, 0xffff_ffff]

    /// All CLONE_NEW… flags but CLONE_NEWTIME, which clone(2) cannot carry.
    static let namespaceFlags: UInt64 = 0x7e02_0000

    static let conditional: [Row] = [
        Row("process_vm_readv process_vm_writev ptrace", minimumKernel: KernelVersion(4, 8)),
        Row("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls", architecture: .arm64),
        Row("arch_prctl", architecture: .amd64),
        Row("modify_ldt", architecture: .amd64),
        Row("open_by_handle_at", needs: "CAP_DAC_READ_SEARCH"),
        Row(
            """
            bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
            lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname
            setns syslog umount umount2 unshare
            """, needs: "CAP_SYS_ADMIN"),
        // Threads and forks, but no new namespace.
        Row("clone", unless: "CAP_SYS_ADMIN", argument: (index: 0, value: namespaceFlags, comparison: "SCMP_CMP_MASKED_EQ")),
        // Its flags lie in memory, out of a filter's sight: ENOSYS, so that the C library falls back to clone.
        Row("clone3", unless: "CAP_SYS_ADMIN", errno: 38),
        Row("reboot", needs: "CAP_SYS_BOOT"),
        Row("chroot", needs: "CAP_SYS_CHROOT"),
        Row("delete_module init_module finit_module", needs: "CAP_SYS_MODULE"),
        Row("acct", needs: "CAP_SYS_PACCT"),
        Row("kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace", needs: "CAP_SYS_PTRACE"),
        Row("iopl ioperm", needs: "CAP_SYS_RAWIO"),
        Row("settimeofday stime clock_settime clock_settime64", needs: "CAP_SYS_TIME"),
        Row("vhangup", needs: "CAP_SYS_TTY_CONFIG"),
        Row("get_mempolicy mbind set_mempolicy set_mempolicy_home_node", needs: "CAP_SYS_NICE"),
        Row("syslog", needs: "CAP_SYSLOG"),
        Row("bpf", needs: "CAP_BPF"),
        Row("perf_event_open", needs: "CAP_PERFMON"),
    ]
}
