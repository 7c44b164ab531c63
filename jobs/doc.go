// Package jobs is the trust boundary: it says what an order is, who signed it,
// whether this host obeys, and carries it out. It knows nothing of the mesh.
package jobs
