// Package jobs is the trust boundary: what an order is, who signed it, whether
// this host obeys, and how it is carried out. It knows nothing of the mesh: a
// node brings it signed bytes from anywhere and takes outcomes from it.
//
// The path of an order, in the order of the files to read:
//
//	selection.go  a person names hosts; hostset.go reads and writes dn[001-120]
//	waves.go      the hosts are put into waves
//	order.go      all of it becomes one value, canonical.go its one form;
//	              limits.go and validate.go say what is too much or wrong
//	key.go        the author's SSH key signs it: signed.go is what travels
//	-- on a target --
//	host.go       HERE IT COMES IN: Take; follow.go brings it to its outcome
//	policy.go     may it run here? signers.go: is it its author's?
//	journal.go    was it here before? "started" is on disk before the fork
//	runner_linux.go, supervise_linux.go
//	              a supervisor per run, which survives the agent; spool.go is
//	              what it leaves, frame.go the output
//	audit.go      who, what, decision and outcome, in a chain
//	-- on the host that conducts a rollout --
//	conduct.go    which wave opens, or why none does
//
// How a node is meant to use it:
//
//   - The author's side (cli, api): Selection.Select with the view's nodes as
//     Candidates, the language of filters as Filter and api's Nearest; show them;
//     Plan, if there are waves; fill an Order with NewID, the conductors being
//     this node's origin and, if another may take over, its peers'; Encode, Key.Sign,
//     and hand the Signed to the node. Signers.Principals finds the Author from
//     the key. "Retry" is a new order with RetryOf and the targets that did not
//     succeed.
//   - Every node that gets a Signed gives it to Host.Take if it names the node,
//     as often as it comes, cancels too. The bytes travel as they are: they are
//     checked where they are obeyed, nowhere else.
//   - HostConfig.Journal is over the store: Disk.Put is Put and Sync, and an error
//     of Each is one that the node passes on. If Journal.Fresh, and the identity
//     of the host is older than this start, call Journal.Forgot: the store was
//     lost, and orders from before could have run. No journal, no Host.
//   - HostConfig.Report becomes an entry of this node in the catalog (one per job)
//     and goes to the keepers; Runner.Output and ReadFrame are what a peer is sent.
//   - HostConfig.Runner.Helper is the name of a hidden command that calls Supervise
//     with the arguments after it. Place puts the supervisor into a scope of its
//     own, or a restart of the unit kills it (KillMode). Switching users needs
//     root.
//   - A conductor (Policy.AcceptConduct) keeps a Standing per job, calls Step when
//     it hears something and at Move.Again, writes the Standing down and then
//     tells it. Targets ask Standing.Permits in HostConfig.Permits; Host.Poke
//     after each change. Before it takes over, a conductor asks every target that
//     it can reach, so that it does not open over a wave that it has not heard of.
//   - Host.Trim every few minutes; Audit.Head into the catalog, so that an audit
//     whose end was cut off shows on other hosts.
//
// Only Host and Runner start goroutines and look at the clock; all else decides
// from what it is given.
package jobs
