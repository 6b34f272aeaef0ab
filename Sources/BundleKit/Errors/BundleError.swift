public import SystemPackage

/// Why an image did not become a bundle.
public struct BundleError: Error, Sendable {
    /// What went wrong; new cases may come, so compare instead of switching without a default.
    public struct Code: Sendable, Hashable {
        enum Value: Hashable {
            case damagedLayer, hostileLayer, limitExceeded, digestMismatch, layerCountMismatch, tooManyLayers, unsupportedMediaType
            case unsuitableFileSystem, storage, unpackerFailed, unknownUser, invalidOption, noCommand, newerFormat, cancelled, source,
                unfitTree
        }
        let value: Value

        /// A layer's bytes are no sound compressed tar archive.
        public static let damagedLayer = Code(value: .damagedLayer)
        /// A layer holds what no layer may hold: a path that leads outside, an attribute of overlayfs.
        public static let hostileLayer = Code(value: .hostileLayer)
        /// A layer passes one of the limits, as a decompression bomb does.
        public static let limitExceeded = Code(value: .limitExceeded)
        /// The bytes of a layer are not those its digest stands for.
        public static let digestMismatch = Code(value: .digestMismatch)
        /// The manifest and the image's configuration speak of different numbers of layers.
        public static let layerCountMismatch = Code(value: .layerCountMismatch)
        /// More layers than overlayfs takes (500).
        public static let tooManyLayers = Code(value: .tooManyLayers)
        /// A media type that this package does not read.
        public static let unsupportedMediaType = Code(value: .unsupportedMediaType)
        /// A directory lies on a file system that cannot hold what is asked of it.
        public static let unsuitableFileSystem = Code(value: .unsuitableFileSystem)
        /// A system call on the store failed: full disk, no permission.
        public static let storage = Code(value: .storage)
        /// The unpacker could not be started, or died.
        public static let unpackerFailed = Code(value: .unpackerFailed)
        /// The user or group is not in the image, or is no number of 32 bits.
        public static let unknownUser = Code(value: .unknownUser)
        /// An option's value makes no sense.
        public static let invalidOption = Code(value: .invalidOption)
        /// Neither the image nor the options say what to run.
        public static let noCommand = Code(value: .noCommand)
        /// The store was written by a newer version of this package.
        public static let newerFormat = Code(value: .newerFormat)
        /// The task was cancelled.
        public static let cancelled = Code(value: .cancelled)
        /// The blob of a layer could not be opened.
        public static let source = Code(value: .source)
        /// A tree holds what a layer cannot say.
        public static let unfitTree = Code(value: .unfitTree)
    }

    /// What it happened to.
    public enum Subject: Sendable, Hashable {
        /// A layer by the digest of its blob, and the entry to blame where there is one.
        case layer(String, entry: String?)
        case path(FilePath)
        /// An option by its name.
        case option(String)
        /// A user or group as it was written.
        case user(String)
        case image
    }

    public var code: Code
    public var subject: Subject
    /// The error number of the failed call, where there was one.
    public var errno: Errno?
    /// What exactly was seen and what to do, as one or two sentences.
    public var reason: String
    /// The error below this one.
    public var cause: (any Error)?
    /// Failures of cleaning up.
    public var suppressed: [any Error] = []

    package init(_ code: Code, _ subject: Subject, errno: Errno? = nil, cause: (any Error)? = nil, _ reason: String) {
        self.code = code
        self.subject = subject
        self.errno = errno
        self.cause = cause
        self.reason = reason
    }

    static func storage(_ errno: Errno, _ path: FilePath) -> BundleError {
        BundleError(.storage, .path(path), errno: errno, advice(errno))
    }

    /// What to do about an error number of the file system.
    static func advice(_ errno: Errno) -> String {
        switch errno {
        case .noSpace, .diskQuotaExceeded: "No space is left: remove images, or give the engine another root directory."
        case .permissionDenied, .notPermitted:
            "Permission is missing: layers hold files of many owners and device nodes, so unpacking needs root "
                + "(CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE, CAP_MKNOD, CAP_SYS_ADMIN for trusted attributes)."
        case .readOnlyFileSystem: "The file system is read-only: give the engine another root directory."
        case .tooManyOpenFiles: "Too many files are open: raise the limit (ulimit -n)."
        case .notSupported:
            "The file system cannot store extended attributes: give the engine a root directory on ext4, xfs, btrfs or tmpfs."
        default: "The call failed: \(errno)."
        }
    }
}

extension BundleError: CustomStringConvertible {
    public var description: String {
        let what =
            switch subject {
            case .layer(let digest, let entry?): "Layer \(digest), entry \(entry)"
            case .layer(let digest, nil): "Layer \(digest)"
            case .path(let path): path.string
            case .option(let name): "Option \(name)"
            case .user(let user): "User \(user)"
            case .image: "The image"
            }
        let detail = errno.map { " (\($0))" } ?? ""
        return "\(what): \(reason)\(detail)"
    }
}
