internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension ChildProcess {
    /// Groups, ids and capabilities, in the order that keeps the right to do the next. See: man 7 capabilities.
    func applyCredentials() throws(Errno) {
        let sets = plan.capabilities
        page.enter(.capabilities)
        try dropBounding(sets.bounding)
        let keeps = plan.uid != 0 && sets.permitted | sets.inheritable != 0
        if keeps { try check(ck_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) }
        page.enter(.groups)
        if !plan.keepsGroups { try check(unsafe ck_setgroups(plan.additionalGroups.count, plan.additionalGroups)) }
        page.enter(.ids)
        // To the kernel -1 means "leave it", and the program would keep root's ids.
        guard plan.uid != .max, plan.gid != .max else { throw .invalidArgument }
        try check(ck_setresgid(plan.gid, plan.gid, plan.gid))
        try check(ck_setresuid(plan.uid, plan.uid, plan.uid))
        page.enter(.capabilities)
        // The host's own ambient set, which a service manager may have given it, must not shine through.
        try check(ck_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0))
        try check(ck_capset(sets.effective, sets.permitted, sets.inheritable))
        for capability in 0..<64 where sets.ambient & (1 << UInt64(capability)) != 0 {
            page.enter(.capabilities, capability)
            try check(ck_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_RAISE), UInt(capability), 0, 0))
        }
        // The change of ids has set it anew, to what fs.suid_dumpable says.
        try check(ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    }

    private func dropBounding(_ kept: UInt64) throws(Errno) {
        for capability in 0..<64 where kept & (1 << UInt64(capability)) == 0 {
            let result = ck_prctl(PR_CAPBSET_DROP, UInt(capability), 0, 0, 0)
            // Beyond the last one this kernel has.
            if result == -Int(EINVAL) { return }
            try check(result)
        }
    }
}
