package node

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/yodel-mesh/yodel/catalog"
)

// meters serves this node's metrics in Prometheus's format. They are read
// from the counts that the node keeps anyway, at the moment of the question.
func (n *Node) meters() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(meter{n}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// meter collects. Its descriptions are made on the way, so it is unchecked.
type meter struct{ n *Node }

// Describe says nothing: what is collected describes itself.
func (meter) Describe(chan<- *prometheus.Desc) {}

// Collect reads every count once.
func (m meter) Collect(ch chan<- prometheus.Metric) {
	out := sink(ch)
	m.gossip(out)
	m.catalog(out)
	m.checks(out)
	m.dns(out)
	m.peers(out)
}

// sink makes metrics of numbers.
type sink chan<- prometheus.Metric

func (s sink) gauge(name, help string, value float64, labels ...string) {
	s.send(prometheus.GaugeValue, name, help, value, labels)
}

func (s sink) counter(name, help string, value uint64, labels ...string) {
	s.send(prometheus.CounterValue, name, help, float64(value), labels)
}

// send takes labels as name, value, name, value.
func (s sink) send(kind prometheus.ValueType, name, help string, value float64, labels []string) {
	names, values := split(labels)
	s <- prometheus.MustNewConstMetric(prometheus.NewDesc("yodel_"+name, help, names, nil), kind, value, values...)
}

func split(labels []string) (names, values []string) {
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	return names, values
}

func (m meter) gossip(out sink) {
	s := m.n.mesh.Stats()
	out.counter("gossip_words_said_total", "Words that this node told the mesh.", s.Said)
	out.counter("gossip_words_heard_total", "Words heard for the first time.", s.Heard)
	out.counter("gossip_words_forwarded_total", "Copies handed on at once.", s.Forwarded)
	out.gauge("gossip_events_waiting", "Events of the mesh that wait to be taken.", float64(s.Queued))
	out.gauge("gossip_health_score", "0 is well; more: this node is slow and trusts its own probes less.", float64(s.Health))
}

func (m meter) catalog(out sink) {
	count := make(map[catalog.Status]int)
	checks := make(map[catalog.Health]int)
	services := 0
	v := m.n.View()
	for _, c := range v.Nodes() {
		count[c.Status]++
		services += len(c.Services)
		for _, k := range c.Checks {
			checks[k.Status]++
		}
	}
	for _, s := range []catalog.Status{catalog.Alive, catalog.Leaving, catalog.Left, catalog.Failed} {
		out.gauge("catalog_nodes", "Nodes known here, by status.", float64(count[s]), "status", string(s))
	}
	for _, h := range []catalog.Health{catalog.Passing, catalog.Warning, catalog.Critical} {
		out.gauge("catalog_checks", "Checks known here, by status.", float64(checks[h]), "status", string(h))
	}
	out.gauge("catalog_services", "Instances known here.", float64(services))
	out.gauge("catalog_conflicts", "Nodes under a name that another node has.", float64(len(v.Conflicts())))
	out.gauge("catalog_lag_seconds", "For how long the peers that we compared with have known something else.", m.n.lag().Seconds())
	out.gauge("clock_offset_seconds", "How far this host's clock is ahead of most of its peers'.", m.n.clock.offset().Seconds())
	c := &m.n.count
	out.counter("catalog_refused_total", "Deltas refused: malformed, over a limit, or outdated.", c.refused.Load())
	out.counter("catalog_unread_total", "Entries kept that this version cannot read.", c.unread.Load())
	out.counter("gossip_words_garbled_total", "Words that could not be read.", c.garbled.Load())
	out.counter("pulls_total", "Times we asked a peer for what we lack.", c.pulls.Load())
	out.counter("pulls_dropped_total", "Pulls that found no place in the queue.", c.pullsDropped.Load())
	trouble := 0.0
	if m.n.disk.Trouble() != nil {
		trouble = 1
	}
	out.gauge("disk_trouble", "1 while the data directory keeps nothing.", trouble)
}

func (m meter) checks(out sink) {
	c := &m.n.count
	const help = "Results of this node's checks, by status."
	out.counter("check_results_total", help, c.passing.Load(), "status", "passing")
	out.counter("check_results_total", help, c.warning.Load(), "status", "warning")
	out.counter("check_results_total", help, c.critical.Load(), "status", "critical")
	out.send(prometheus.CounterValue, "check_duration_seconds_total", "Time that this node's checks took, in all.", time.Duration(c.tookMicros.Load()*1000).Seconds(), nil)
	m.n.local.mu.Lock()
	defer m.n.local.mu.Unlock()
	for id, r := range m.n.local.results {
		out.gauge("check_duration_seconds", "How long the last run of a check of this node took.", r.Took.Seconds(), "check", strings.ToValidUTF8(id, "?"))
	}
}

func (m meter) dns(out sink) {
	s := m.n.dns.Stats()
	for _, a := range s.Answers {
		out.counter("dns_answers_total", "Answers by type and rcode.", a.Count, "type", a.Type, "rcode", a.Rcode)
	}
	buckets, total := make(map[float64]uint64), uint64(0)
	for i, count := range s.Latency.Counts {
		total += count
		if i < len(s.Latency.Bounds) {
			buckets[s.Latency.Bounds[i].Seconds()] = total
		}
	}
	out <- prometheus.MustNewConstHistogram(
		prometheus.NewDesc("yodel_dns_answer_seconds", "From reading a batch of questions to having sent its answers.", nil, nil),
		total, s.Latency.Sum.Seconds(), buckets)
	out.counter("dns_ignored_total", "Packets that are no question.", s.Ignored)
	out.counter("dns_forwarded_total", "Questions put to recursors.", s.Forwarded)
	out.counter("dns_shared_total", "Of the forwarded, questions answered with an equal one's answer.", s.Shared)
	out.counter("dns_overloads_total", "Questions refused because too many waited for recursors.", s.Overloads)
	out.counter("dns_recursor_failures_total", "Times a recursor did not answer.", s.RecursorNo)
	out.gauge("dns_names", "Names that are answered.", float64(s.Names))
	out.gauge("dns_conflicts", "Names and addresses that several hosts claim.", float64(s.Conflicts))
}

func (m meter) peers(out sink) {
	s := m.n.peers.Stats()
	out.counter("peer_streams_total", "Streams of proven members.", s.Streams)
	out.counter("peer_streams_failed_total", "Of those, ended with an error.", s.Failed)
	out.counter("peer_unproven_total", "Connections of strangers, refused.", s.Unproven)
	out.counter("peer_crowded_total", "Connections refused over a limit.", s.Crowded)
	out.gauge("peer_streams", "Streams under way.", float64(s.Open))
}
