package jobs

import "time"

// Limits of an order. Each bounds what a mistaken author, or bytes from
// elsewhere, can take on every target.
const (
	// OrderMax bounds an order, in bytes: 10,000 targets with names of 50
	// letters, and it fits one message between peers and one value of a store.
	OrderMax = 768 << 10
	// SignedMax bounds an order with its signature: an RSA certificate is 3 kB.
	SignedMax = OrderMax + signatureMax + 64
	// TargetsMax is ten times the mesh that this is made for.
	TargetsMax = 10_000
	// ScriptMax and PutMax bound a script, and each file that is put, in bytes.
	ScriptMax = 16 << 20
	PutMax    = 16 << 20
	// LifetimeMax is the longest that a job waits for hosts that are away. IDs
	// are remembered so long, so that no job runs twice.
	LifetimeMax = 7 * 24 * time.Hour
	// TimeoutMax is for the longest migration; whoever needs more starts a unit.
	TimeoutMax = 24 * time.Hour
	// OutputMax bounds what one host keeps of one job's output, in bytes.
	OutputMax = 64 << 20
)

const (
	// signatureMax is an RSA certificate of 16,384 bits, its signature and room.
	signatureMax = 16 << 10
	// cancelMax is a cancel with the longest author, twice.
	cancelMax = 1 << 10

	nameMax       = 255       // bytes of a name: what a host name and a file name may have
	pathMax       = 4095      // bytes: the kernel's PATH_MAX without its end
	expressionMax = 64 << 10  // a list of a thousand hosts, pasted
	argsMax       = 4096      // arguments
	argsSizeMax   = 128 << 10 // bytes of all arguments: what the kernel takes for one
	envMax        = 256       // variables
	envSizeMax    = 64 << 10  // bytes of all variables
	putFilesMax   = 64        // a configuration directory
	putSizeMax    = 64 << 20  // bytes of all files that are put
	conductorsMax = 16        // more do not make a rollout safer
)
