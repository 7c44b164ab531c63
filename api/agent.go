package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/yodel-mesh/yodel/catalog"
)

// routeAgent serves Consul's paths about the host that is asked.
func (s *server) routeAgent() {
	s.handle("GET /v1/agent/self", s.self)
	s.handle("GET /v1/agent/members", s.members)
	s.handle("PUT /v1/agent/service/register", s.defines(s.backend.RegisterService))
	s.handle("PUT /v1/agent/check/register", s.defines(s.backend.RegisterCheck))
	s.handle("PUT /v1/agent/service/deregister/{id...}", named(s.backend.DeregisterService))
	s.handle("PUT /v1/agent/check/deregister/{id...}", named(s.backend.DeregisterCheck))
	s.handle("PUT /v1/agent/service/maintenance/{id...}", s.maintenance)
	s.handle("PUT /v1/agent/maintenance", s.maintenance)
	s.handle("PUT /v1/agent/check/pass/{id...}", s.beat(catalog.Passing))
	s.handle("PUT /v1/agent/check/warn/{id...}", s.beat(catalog.Warning))
	s.handle("PUT /v1/agent/check/fail/{id...}", s.beat(catalog.Critical))
	s.handle("PUT /v1/agent/check/update/{id...}", s.update)
	s.handle("PUT /v1/agent/join/{address}", s.join)
	s.handle("PUT /v1/agent/leave", func(*http.Request) (any, error) { return nil, s.backend.Leave() })
	s.handle("PUT /v1/agent/force-leave/{node}", s.forceLeave)
	s.handle("PUT /v1/agent/reload", s.reload)
}

// Agent is Consul's answer about the agent itself, as far as it has a meaning
// here.
type Agent struct {
	Config struct {
		Datacenter        string
		PrimaryDatacenter string
		NodeName          string
		NodeID            string
		Server            bool
		Revision          string
		Version           string
	}
	DebugConfig map[string]any
	Member      Member
	Stats       map[string]map[string]string
	Meta        map[string]string
}

func (s *server) self(*http.Request) (any, error) {
	self := s.backend.Self()
	a := Agent{DebugConfig: map[string]any{}, Meta: map[string]string{}}
	a.Config.Datacenter, a.Config.PrimaryDatacenter = self.Datacenter, self.Datacenter
	a.Config.NodeName, a.Config.NodeID, a.Config.Version = self.Name, self.Origin.String(), self.Version
	a.Stats = map[string]map[string]string{"yodel": wholeMap(self.Stats)}
	for _, m := range s.backend.Members() {
		if m.Tags["id"] == self.Origin.String() {
			a.Member = m
		}
	}
	if n := s.backend.View().ByOrigin(self.Origin); n != nil {
		a.Meta = wholeMap(n.Meta)
	}
	a.Member.Tags = wholeMap(a.Member.Tags)
	return a, nil
}

func (s *server) members(*http.Request) (any, error) {
	members := wholeList(s.backend.Members())
	for i := range members {
		members[i].Tags = wholeMap(members[i].Tags)
	}
	slices.SortFunc(members, func(a, b Member) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Tags["id"], b.Tags["id"]))
	})
	return members, nil
}

// defines passes a definition on as it was sent.
func (s *server) defines(f func([]byte) error) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		b, err := body(r)
		if err != nil {
			return nil, err
		}
		return nil, f(b)
	}
}

func named(f func(string) error) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		if id == "" {
			return nil, Invalid("the id is missing at the end of %s", clip(r.URL.Path))
		}
		return nil, f(id)
	}
}

func (s *server) maintenance(r *http.Request) (any, error) {
	id, ofService := r.PathValue("id"), strings.HasPrefix(r.URL.Path, "/v1/agent/service/")
	if ofService && id == "" {
		return nil, Invalid("the service id is missing at the end of %s", clip(r.URL.Path))
	}
	if !r.URL.Query().Has("enable") {
		return nil, Invalid("enable is missing: send ?enable=true or ?enable=false")
	}
	on, err := flag(r, "enable")
	if err != nil {
		return nil, err
	}
	return nil, s.backend.Maintain(id, on, r.URL.Query().Get("reason"))
}

func (s *server) beat(h catalog.Health) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		return named(func(id string) error { return s.backend.SetTTL(id, h, r.URL.Query().Get("note")) })(r)
	}
}

func (s *server) update(r *http.Request) (any, error) {
	b, err := body(r)
	if err != nil {
		return nil, err
	}
	var said struct {
		Status catalog.Health
		Output string
	}
	if err := json.Unmarshal(b, &said); err != nil {
		return nil, Invalid(`read body: %v; want {"Status": "passing", "Output": "..."}`, err)
	}
	switch said.Status {
	case catalog.Passing, catalog.Warning, catalog.Critical:
	default:
		return nil, Invalid("Status %.40q: want passing, warning or critical", said.Status)
	}
	return named(func(id string) error { return s.backend.SetTTL(id, said.Status, said.Output) })(r)
}

// Joined is how many of the asked addresses took the node in.
type Joined struct{ Joined int }

func (s *server) join(r *http.Request) (any, error) {
	if wan, err := flag(r, "wan"); err != nil || wan {
		return nil, Invalid("there is one mesh and no wan pool: join without ?wan")
	}
	count, err := s.backend.Join([]string{r.PathValue("address")})
	if err != nil {
		return nil, err
	}
	return Joined{count}, nil
}

func (s *server) forceLeave(r *http.Request) (any, error) {
	prune, err := flag(r, "prune")
	if err != nil {
		return nil, err
	}
	name := r.PathValue("node")
	v := s.backend.View()
	n := findNode(v, name)
	if n == nil {
		return nil, NotFound("no node %s here%s", clip(name), didYouMean(name, nodeNames(v)))
	}
	if n.Status.Here() {
		return nil, &Error{http.StatusConflict, n.Name + " is " + string(n.Status) + ": stop it there, with yodel leave"}
	}
	return nil, s.backend.ForceLeave(n.Name, prune)
}

func (s *server) reload(*http.Request) (any, error) {
	r, err := s.backend.Reload()
	if err != nil {
		return nil, err
	}
	return Reloaded{wholeList(r.Applied), wholeList(r.Restart), wholeList(r.Notes)}, nil
}
