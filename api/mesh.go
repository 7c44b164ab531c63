package api

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

func (s *server) routeMesh() {
	s.blocking("GET /v1/mesh/nodes", s.nodes)
	s.blocking("GET /v1/mesh/node/{name}", s.node)
	s.blocking("GET /v1/mesh/services", s.services)
	s.blocking("GET /v1/mesh/checks", s.checks)
	s.blocking("GET /v1/mesh/conflicts", s.conflicts)
	s.handle("GET /v1/mesh/changes", s.changes)
	s.handle("PUT /v1/mesh/register", s.registerFile)
}

// blocking serves a path that can wait for a later view.
func (s *server) blocking(pattern string, f func(*catalog.View, *http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if _, err := f(s.backend.View(), r); err != nil && status(err) == http.StatusBadRequest {
			s.fail(w, r, err) // now, and not after ten minutes
			return
		}
		if err := s.wait(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		v, err := f(s.backend.View(), r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.answer(w, r, v)
	})
}

// narrow are the nodes with the asked tags.
func narrow(v *catalog.View, r *http.Request) ([]*catalog.Node, error) {
	tags, err := parseTags(r.URL.Query()["tag"])
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(v.Nodes(), func(n *catalog.Node) bool { return !tagged(n, tags) }), nil
}

func (s *server) nodes(v *catalog.View, r *http.Request) (any, error) {
	nodes, err := narrow(v, r)
	if err != nil {
		return nil, err
	}
	filter, err := NodeFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	out := make([]*catalog.Node, 0, len(nodes))
	for _, n := range nodes {
		if filter.Match(n) {
			out = append(out, whole(n))
		}
	}
	return out, nil
}

func (s *server) node(v *catalog.View, r *http.Request) (any, error) {
	name := r.PathValue("name")
	if n := findNode(v, name); n != nil {
		return whole(n), nil
	}
	return nil, NotFound("no node %s here%s", clip(name), didYouMean(name, nodeNames(v)))
}

// findNode is the node of a name, an origin, or a fully qualified name.
func findNode(v *catalog.View, name string) *catalog.Node {
	if n := v.Node(name); n != nil {
		return n
	}
	if o, err := catalog.ParseOrigin(strings.ToLower(name)); err == nil {
		return v.ByOrigin(o)
	}
	name = strings.TrimSuffix(name, ".")
	for _, n := range v.Nodes() {
		if n.FQDN != "" && strings.EqualFold(n.FQDN, name) {
			return n
		}
	}
	return nil
}

func nodeNames(v *catalog.View) []string {
	nodes := v.Nodes()
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names
}

func (s *server) services(v *catalog.View, r *http.Request) (any, error) {
	nodes, err := narrow(v, r)
	if err != nil {
		return nil, err
	}
	filter, err := serviceFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	service := r.URL.Query().Get("service")
	out := []Instance{}
	for _, n := range nodes {
		for _, one := range n.Services {
			i := instanceOn{n, one}
			if (service == "" || strings.EqualFold(one.Name, service)) && filter.Match(i) {
				out = append(out, i.wire())
			}
		}
	}
	if service != "" && len(out) == 0 && !anyService(v, service) {
		return nil, NotFound("no service %s here%s", clip(service), didYouMean(service, serviceNames(v)))
	}
	slices.SortStableFunc(out, func(a, b Instance) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func anyService(v *catalog.View, name string) bool {
	return slices.ContainsFunc(serviceNames(v), func(n string) bool { return strings.EqualFold(n, name) })
}

func serviceNames(v *catalog.View) []string {
	var names []string
	for _, n := range v.Nodes() {
		for _, s := range n.Services {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (s *server) checks(v *catalog.View, r *http.Request) (any, error) {
	nodes, err := narrow(v, r)
	if err != nil {
		return nil, err
	}
	filter, err := checkFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	out := []NodeCheck{}
	for _, n := range nodes {
		for _, one := range n.Checks {
			if c := (checkOn{n, one}); filter.Match(c) {
				out = append(out, c.wire())
			}
		}
	}
	return out, nil
}

func (s *server) conflicts(v *catalog.View, _ *http.Request) (any, error) {
	out := []*catalog.Node{}
	for _, n := range v.Conflicts() {
		out = append(out, whole(n))
	}
	return out, nil
}

func (s *server) changes(r *http.Request) (any, error) {
	q := r.URL.Query()
	since, err := parseSince(q.Get("since"), time.Now())
	if err != nil {
		return nil, err
	}
	name := q.Get("node")
	if n := s.backend.View().Node(name); n != nil {
		name = n.Name
	}
	changes := wholeList(s.backend.Changes(since, name))
	if name != "" && len(changes) == 0 && s.backend.View().Node(name) == nil && len(s.backend.Changes(time.Time{}, name)) == 0 {
		return nil, NotFound("no node %s here%s", clip(name), didYouMean(name, nodeNames(s.backend.View())))
	}
	return changes, nil
}

// parseSince reads a moment: empty (always), a duration before now, a time of
// RFC 3339, or Unix seconds.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return time.Unix(n, 0), nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	return time.Time{}, Invalid("since=%.40q: want a duration such as 24h or 7d, a time such as 2026-11-21T08:00:00Z, or Unix seconds", text)
}

func (s *server) registerFile(r *http.Request) (any, error) {
	b, err := body(r)
	if err != nil {
		return nil, err
	}
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "request"
	}
	done, err := s.backend.RegisterFile(clip(name), b)
	if err != nil {
		return nil, err
	}
	return Registered{Services: wholeList(done.Services), Checks: wholeList(done.Checks)}, nil
}
