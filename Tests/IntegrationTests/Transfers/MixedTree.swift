import Foundation

/// A tree with all that a tree can hold: three files of several MiB, the first in front of hundreds of small ones, links, hard
/// links, a sparse file, odd names, odd modes and times.
///
/// In tree order: 32 chunks or more of the first file, 300 or more of small ones, then 16 MiB and more: so much that it is
/// never all under way when the last small file is written.
enum MixedTree {
    static let chunksBeforeTheLastFiles = 332
    static let entriesBeforeTheLastFiles = 311

    /// Makes `outputs/tree`.
    static let script = """
        mkdir -p outputs/tree; cd outputs/tree
        head -c 8388608 /dev/urandom > a-large
        for d in 0 1 2 3 4 5 6 7 8 9; do
            mkdir small-$d; for f in $(seq -w 0 29); do echo "$d $f $RANDOM" > small-$d/file-$f; done
        done
        head -c 8400000 /dev/urandom > y-large; head -c 8500001 /dev/urandom > z-large
        truncate -s 32M sparse; echo island | dd of=sparse bs=1M seek=7 conv=notrunc status=none
        mkdir odd; cd odd
        for name in $'a new\\nline' $'control\\x01\\x1b[2J' $'\\xff\\xfe' -dash ' space ' '%41' "$(printf '%0255d' 7)"; do
            echo odd > "./$name"
        done
        cd ..
        mkdir empty; : > nothing; chmod 700 empty; chmod 640 nothing; chmod 755 odd
        ln -s a-large link; ln -s /nowhere/at/all dangling; ln -s ../.. upwards
        ln y-large z-again; ln small-0/file-00 small-9/same; ln small-3/file-07 small-3/same
        touch -d @1234567890.123456789 small-1 small-1/file-03; touch -hd @1.5 link
        touch -d @1500000000.000000001 .
        """

    /// What stands at the destination before.
    enum Old: String, CaseIterable, Sendable {
        case tree, file, nothing

        /// Makes it, as `$1`.
        var script: String {
            switch self {
            case .tree:
                "mkdir -p $1/small-1/deep; echo old > $1/a-large; echo old > $1/small-1/deep/file; ln -s x $1/odd"
            case .file: "echo old > $1"
            case .nothing: ":"
            }
        }
    }
}
