package store

import "time"

const (
	// memtable is what badger holds in memory, all of it the collector's, and
	// maps twice as a log. ValueMax bounds a value: it and its key must fit one
	// transaction, which badger limits to 15 % of a memtable. What is larger
	// goes into several.
	memtable = 1 << 20
	ValueMax = 128 << 10

	// levelZeroTables is after how many memtables badger merges their tables.
	levelZeroTables = 2

	// KeyMax bounds a key, BucketMax the name of a bucket.
	KeyMax    = 512
	BucketMax = 32

	// flushInterval is how long a write may wait for others to share its fsync,
	// and so what a power cut may cost.
	flushInterval = time.Second

	// flushEarly is how many bytes of waiting writes are enough.
	flushEarly = 1 << 20

	// pendingMax bounds the bytes that wait for the disk, and so the memory
	// that a dead disk costs. The catalog of 1,000 hosts, 15 MB, is written by
	// waiting for room a few times.
	pendingMax = 8 << 20

	// pendingOverhead is what an entry that waits costs beside its bytes.
	pendingOverhead = 128

	// roomTimeout is how long a Put waits for room: some fsyncs of a busy disk.
	roomTimeout = 10 * time.Second

	// A write that failed is tried again after retryFirst, then twice as long,
	// up to retryMax.
	retryFirst = time.Second
	retryMax   = 30 * time.Second

	// transactionBytes and transactionOps keep a transaction under badger's
	// limits, 157 kB and 1,600 for such a memtable.
	transactionBytes = ValueMax
	transactionOps   = 1024

	// Of the file system's size, floorShare must be free to write, and at least
	// floorMin, which is what badger may take between two looks: memtables,
	// their tables, one compaction. More than floorMax need not be: it is a
	// second of a fast disk's writing. Badger maps its files, so a full disk is
	// not an error but a SIGBUS, which ends the process.
	floorShare = 50 // 2 %
	floorMin   = 64 << 20
	floorMax   = 256 << 20

	// closeSpace is what badger's Close may write: a memtable and its table.
	closeSpace = 24 << 20

	// damagedKept is how many directories that were moved aside stay.
	damagedKept = 3

	// probeTimeout bounds the look at a directory in another process. Badger
	// replays logs in less than a second.
	probeTimeout = 30 * time.Second

	// probeOutput is how much is kept of what that process says: its panic and
	// the first goroutines.
	probeOutput = 16 << 10
)
