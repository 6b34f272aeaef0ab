internal import SystemPackage

extension Errno {
    /// EPERM, EACCES and EROFS: not allowed, rather than wrong.
    var isLackOfRights: Bool { self == .notPermitted || self == .permissionDenied || self == .readOnlyFileSystem }
}

/// What an error number means for the thing that was attempted, and what to do: the one table of this kit.
enum ErrnoAdvice {
    /// What was attempted.
    enum Attempt: Sendable, CaseIterable {
        case executable, workingDirectory, mountSource, mount, containerPath, cgroup, cgroupControl, deviceFilter
        case clone, namespace, idMap, limit, oomScore, scheduler, ids, groups, capabilities, seccomp, sysctl, terminal, label
        case seccompListener, netDevice, scope
    }

    /// A sentence, or nil where nothing better than the errno's own text is known.
    static func advice(for errno: Errno, on attempt: Attempt) -> String? {
        switch (attempt, errno) {
        case (.executable, .noSuchFileOrDirectory):
            "Check the path and PATH inside the image; a script also needs its interpreter (`#!`), a dynamic program its loader."
        case (.executable, .permissionDenied):
            "Check its execute permission for the container's user, and that it does not lie on a `noexec` mount."
        case (.executable, .execFormatError):
            "It is built for another architecture, or is a script without a `#!` line."
        case (.executable, .argListTooLong):
            "Arguments and environment together are too long (2 MiB, 128 KiB each): pass the data in a file."
        case (.executable, .textFileBusy):
            "It is open for writing somewhere: close it first."
        case (.executable, .tooManySymbolicLinkLevels):
            "Its path or its chain of interpreters is a loop."
        case (.workingDirectory, .noSuchFileOrDirectory):
            "Make the directory in the image, or set another working directory."
        case (.workingDirectory, .permissionDenied):
            "Give the container's user search permission on every directory of the path."
        case (.workingDirectory, .notDirectory):
            "Set a directory as the working directory."
        case (.mountSource, .noSuchFileOrDirectory):
            "Make the source on the host first: a bind mount does not make it."
        case (.mountSource, .operationNotSupportedByDevice), (.mount, .operationNotSupportedByDevice):
            "The kernel does not have this file system: load its module, or choose another."
        case (.mountSource, .invalidArgument), (.mount, .invalidArgument):
            "The kernel refuses an option of the mount, or (overlay) the upper directory lies on a file system that cannot carry it."
        case (.mountSource, .notPermitted), (.mount, .notPermitted), (.containerPath, .notPermitted):
            "Run as root (CAP_SYS_ADMIN), or in a user namespace where the file system may be mounted."
        case (.mount, .readOnlyFileSystem), (.containerPath, .readOnlyFileSystem):
            "The path has to be made but lies on a read-only file system: make it in the image, or mount a tmpfs above it."
        case (.mount, .notDirectory), (.containerPath, .notDirectory):
            "Something on the path is a file: a directory is mounted on a directory and a file on a file."
        case (.mount, .noSpace):
            "The mount namespace is full: raise the sysctl fs.mount-max."
        case (.mount, .tooManySymbolicLinkLevels), (.containerPath, .tooManySymbolicLinkLevels):
            "The path inside the image is a loop of links, or leads through a magic link, which is never followed."
        case (.cgroup, .notPermitted), (.cgroup, .permissionDenied), (.cgroupControl, .permissionDenied),
            (.cgroupControl, .notPermitted):
            "Run as root, or in a unit with Delegate=yes, or name a cgroup parent that this user owns."
        case (.cgroup, .readOnlyFileSystem), (.cgroupControl, .readOnlyFileSystem):
            "The cgroup tree is mounted read-only, as in a container: give it a writable one, or run without limits."
        case (.cgroup, .resourceBusy), (.cgroupControl, .resourceBusy), (.cgroup, .notSupportedOnSocket):
            "A cgroup with processes cannot hand controllers down: no process may be in the parent, only in leaves."
        case (.cgroup, .fileExists):
            "A cgroup of this name is there already: a container with this id runs, or was not cleaned up."
        case (.cgroup, .noSuchFileOrDirectory):
            "Its parent was removed meanwhile: try again."
        case (.cgroup, .resourceTemporarilyUnavailable), (.cgroup, .noSpace):
            "The tree may not grow: look at cgroup.max.descendants and cgroup.max.depth above it; on v1 an empty cpuset takes no process."
        case (.cgroupControl, .noSuchFileOrDirectory):
            "The kernel lacks this control: the controller is off (boot with `cgroup_enable=memory swapaccount=1`), or not handed down."
        case (.cgroupControl, .invalidArgument), (.cgroupControl, .outOfRange):
            "The kernel refuses the value: it is out of range, or exceeds what the parent has."
        case (.cgroupControl, .operationNotSupportedByDevice), (.cgroupControl, .noSuchAddressOrDevice):
            "The device of the limit is not there (whole disks only, no partitions): compare with /proc/partitions."
        case (.scope, .noSuchFileOrDirectory), (.scope, .connectionRefused):
            "Neither the system bus nor systemd's own socket answers: start dbus, or make /run/dbus visible here; or do without scopes "
                + "(`EngineConfiguration.usesSystemdScopes`), and the container ends when this program's unit stops."
        case (.scope, .permissionDenied), (.scope, .notPermitted):
            "Run as root, and let the policy of the bus allow org.freedesktop.systemd1.Manager.StartTransientUnit."
        case (.scope, .fileExists):
            "A unit of this name runs: choose another name, or stop it (`systemctl stop`)."
        case (.scope, .timedOut):
            "No answer of systemd came within 20 seconds: look at `systemctl list-jobs` and `systemctl status`."
        case (.scope, .canceled):
            "Its job failed: look at `journalctl -b -u 'containerkit-*'`."
        case (.deviceFilter, .notPermitted):
            "Device rules on cgroup v2 need CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN."
        case (.deviceFilter, .noSpace):
            "Too many filters stand on this cgroup or above it: remove one."
        case (.clone, .notPermitted):
            "Run as root (CAP_SYS_ADMIN), or with a new user namespace where the host allows one."
        case (.clone, .noSpace):
            "Raise the sysctls user.max_*_namespaces, or end containers first."
        case (.clone, .resourceTemporarilyUnavailable):
            "The limit on processes is reached: look at `ulimit -u`, kernel.pid_max and the pids.max of the cgroups above."
        case (.clone, .noMemory):
            "The machine or the cgroup above is out of memory."
        case (.clone, .resourceBusy):
            "The cgroup cannot take a process: it hands controllers down, or is frozen."
        case (.namespace, .noSuchFileOrDirectory):
            "The namespace's process has ended: start it again, or leave the path out to make a new one."
        case (.namespace, .notPermitted):
            "Joining needs CAP_SYS_ADMIN in the user namespace that owns it."
        case (.namespace, .invalidArgument):
            "The path is a namespace of another kind, or one that a process cannot join from here."
        case (.idMap, .notPermitted):
            "Mapping ids of others needs CAP_SETUID and CAP_SETGID here, or entries in /etc/subuid and /etc/subgid."
        case (.idMap, .invalidArgument):
            "The ranges overlap, or are not mapped in this user namespace."
        case (.limit, .notPermitted):
            "Raising a hard limit needs CAP_SYS_RESOURCE, and RLIMIT_NOFILE may not pass the sysctl fs.nr_open."
        case (.oomScore, .permissionDenied), (.oomScore, .notPermitted):
            "A value below the current one needs CAP_SYS_RESOURCE: choose a higher one."
        case (.scheduler, .notPermitted):
            "Real-time and higher priorities need CAP_SYS_NICE (and, on cgroup v1, a real-time share of the cgroup)."
        case (.scheduler, .invalidArgument):
            "The values do not fit the policy: see sched_setattr(2)."
        case (.ids, .invalidArgument), (.groups, .invalidArgument):
            "The id has no mapping in the container's user namespace: extend linux.uidMappings or linux.gidMappings."
        case (.ids, .notPermitted), (.groups, .notPermitted):
            "Changing ids needs CAP_SETUID and CAP_SETGID: run as root, or with a user namespace."
        case (.ids, .resourceTemporarilyUnavailable):
            "The user has reached RLIMIT_NPROC."
        case (.capabilities, .notPermitted):
            "This process does not hold a capability that was asked for: start it with more, or ask for fewer."
        case (.seccomp, .permissionDenied):
            "Without no_new_privs a filter needs CAP_SYS_ADMIN: set process.noNewPrivileges."
        case (.seccomp, .invalidArgument):
            "The kernel has no seccomp filters, or refuses a flag of linux.seccomp.flags."
        case (.seccomp, .noMemory):
            "The filters of this process are too long together: make the profile smaller."
        case (.seccompListener, .noSuchFileOrDirectory), (.seccompListener, .connectionRefused):
            "Start the program that listens on this socket first."
        case (.netDevice, .operationNotSupportedByDevice):
            "The host has no interface of this name: look at `ip link`."
        case (.netDevice, .fileExists):
            "The container's network namespace has one of this name already: give the interface another."
        case (.netDevice, .invalidArgument):
            "It is of a kind that stays in its network namespace (a bridge, the loopback interface)."
        case (.netDevice, .notPermitted):
            "Moving an interface needs CAP_NET_ADMIN on the host and in the container's network namespace."
        case (.idMap, .noSuchFileOrDirectory):
            "Install newuidmap and newgidmap (package uidmap), or map only the own id."
        case (.sysctl, .noSuchFileOrDirectory):
            "This kernel has no such parameter, or not in the container's namespaces."
        case (.sysctl, .invalidArgument):
            "The kernel refuses the value."
        case (.sysctl, .permissionDenied), (.sysctl, .notPermitted), (.sysctl, .readOnlyFileSystem):
            "The parameter cannot be written in the container's namespaces; a user namespace must own them."
        case (.terminal, .noSpace):
            "No pseudo-terminal is left: raise the sysctl kernel.pty.max."
        case (.terminal, .noSuchFileOrDirectory):
            "The container has no devpts: mount one on /dev/pts."
        case (.label, .noSuchFileOrDirectory), (.label, .invalidArgument):
            "The profile or label is not loaded on this host."
        case (_, .tooManyOpenFiles), (_, .tooManyOpenFilesInSystem):
            "No file descriptor is left: raise RLIMIT_NOFILE or the sysctl fs.file-max."
        case (_, .noMemory): "The machine or the cgroup above is out of memory."
        case (_, .noSpace): "No space is left on the file system."
        case (_, .notPermitted): "Run as root, or with the capability that this needs."
        case (_, .noFunction): "This kernel is too old, or a filter on this process forbids the call: Linux 5.15 is needed."
        default: nil
        }
    }
}
