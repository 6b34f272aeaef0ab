internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Hard links of layers that aufs made: it kept the file in `.wh..wh.plnk` of the root, and archives bring its names as links to there.
///
/// As with Docker and containerd the directory is no part of the layer. Their names become copies, here they stay names of one file.
extension LayerWriter {
    private static let aufsFolder = Array(".wh..wh.plnk".utf8)

    /// The name of a file in aufs's directory; nil for any other path.
    func aufsFile(_ path: EntryPath) -> [UInt8]? {
        guard path.components.count == 2, path.components[0] == Self.aufsFolder else { return nil }
        return path.components[1].starts(with: ".wh.".utf8) ? nil : path.components[1]
    }

    /// Keeps a file until the end of the archive, where no entry's path leads.
    func keepAufsFile(_ name: [UInt8], _ entry: TarEntry, _ reader: ArchiveReader) throws(UnpackFailure) {
        let folder: SharedDescriptor
        if let aufsFiles {
            folder = aufsFiles
        } else {
            folder = try system(entry.name) { () throws(Errno) in
                try FileCalls.makeDirectory(Self.aufsFolder, at: root.rawValue, mode: 0o700)
                return SharedDescriptor(try FileCalls.open(Self.aufsFolder, at: root.rawValue, flags: FileCalls.directoryFlags))
            }
            aufsFiles = folder
        }
        try makeFile(name, in: folder, entry, reader)
    }

    func linkAufsFile(
        _ file: [UInt8], _ target: EntryPath, to name: [UInt8], _ path: EntryPath, _ entry: TarEntry
    ) throws(UnpackFailure) {
        guard let aufsFiles else { throw UnpackFailure(.missingLinkTarget, entry: entry.name, detail: Self.joined(target)) }
        try link(file, in: aufsFiles, to: name, in: try enter(path.components.dropLast(), entry), target, entry.name)
    }

    /// At the end of the archive.
    func dropAufsFiles() throws(UnpackFailure) {
        guard aufsFiles != nil else { return }
        aufsFiles = nil
        try remove(Self.aufsFolder, in: root, Self.aufsFolder)
    }
}
