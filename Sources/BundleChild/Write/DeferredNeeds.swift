/// What a layer that was written without those below it has to ask of them.
///
/// An archive is a list of changes in order; written without what they change, some of them rest on assumptions. Most of these hold, or are
/// put right in place. One whose answer depended on the order of entries is marked *ambiguous*: if it turns out wrong, the layer is
/// unpacked once more on what is below.
struct DeferredNeeds {
    /// A parent that the archive took for granted, and that was invented.
    struct Assumption {
        /// Its physical path in this layer.
        var path: [[UInt8]]
        /// The archive did not list it afterwards: it looks as it does below.
        var takesAttributes = true
        /// Entries before and after some point went to different places if it is a link below.
        var isAmbiguous = false
    }

    /// A hard link whose target this layer did not have when the link came.
    struct Link {
        var path: EntryPath
        var target: EntryPath
        /// The layers below are not asked: this layer hides them there, or they do not have it.
        var targetIsHidden: Bool
        var entry: TarEntry
        /// Whether a later entry had the name when the archive ended; nil where that is not the question, since the layers below were known.
        var isReplaced: Bool?
    }

    /// In the order in which they were made: parents before what is in them.
    var assumptions: [Assumption] = []
    /// The last assumption of a path.
    private var indexes: [[UInt8]: Int] = [:]
    var links: [Link] = []
    /// Physical paths of whiteouts, but those in the root. overlayfs shows a whiteout as a name that cannot be opened in a directory that
    /// only one layer has, so that there it must go.
    var whiteouts: [[[UInt8]]] = []

    mutating func assume(_ path: [[UInt8]], key: [UInt8]) {
        var assumption = Assumption(path: path)
        if let before = indexes[key] {
            // It was replaced, and is assumed a second time.
            assumptions[before].isAmbiguous = true
            assumption.isAmbiguous = true
        }
        indexes[key] = assumptions.count
        assumptions.append(assumption)
    }

    /// The archive lists the directory: it looks as the archive says, and replaces a link from here on.
    mutating func listed(_ key: [UInt8]) {
        guard let index = indexes[key] else { return }
        assumptions[index].takesAttributes = false
        assumptions[index].isAmbiguous = true
    }

    /// Whether a directory of this layer was invented, and the archive has not listed it since.
    func isAssumed(_ key: [UInt8]) -> Bool { indexes[key].map { assumptions[$0].takesAttributes } ?? false }

    /// Nothing is assumed any more: the layers below are known.
    mutating func forgetAssumptions() {
        assumptions = []
        indexes = [:]
    }

    mutating func becameAmbiguous(_ key: [UInt8]) {
        guard let index = indexes[key] else { return }
        assumptions[index].isAmbiguous = true
    }
}
