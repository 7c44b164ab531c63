// Package store is what this host keeps on disk: values by key in named
// buckets, the numbers that its entries have used, and the lock of the data
// directory.
//
// A write is seen at once and is on disk within a second; kill -9 after that
// takes nothing, and a power cut takes at most what came after the last Sync. A
// value that comes back is the one that was put: a damaged one is reported and
// passed over, and a bucket that lost keys says so. A full disk stops writing,
// never the process, and writing goes on when there is space again. A directory
// that is damaged as a whole is moved aside, since the mesh and the
// configuration give back nearly all of it; what was only here, such as
// services that were registered over HTTP, stays in what was moved.
//
// It knows nothing of the catalog: buckets are names, keys and values bytes. It
// is the only importer of badger.
package store
