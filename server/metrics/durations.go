package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// buckets are the upper bounds of every histogram, in seconds: from a commit on a fast disk to the longest call.
var buckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// Durations are the histograms of a table. They may be used from many goroutines.
type Durations struct {
	registry   *prometheus.Registry
	histograms map[string]*prometheus.HistogramVec
}

// NewDurations returns empty histograms for those families that are histograms.
func NewDurations(families []Family) *Durations {
	d := &Durations{registry: prometheus.NewRegistry(), histograms: map[string]*prometheus.HistogramVec{}}
	for _, f := range families {
		if f.Kind == Histogram {
			h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets}, f.Labels)
			d.registry.MustRegister(h)
			d.histograms[f.Name] = h
		}
	}
	return d
}

// Observer returns the function that adds a duration to the histogram of that name, with a value for each of its labels. Look it
// up once and keep it: then an observation takes no lock. Observer panics when there is no such histogram, or it has other
// labels, which only a change of code can cause.
func (d *Durations) Observer(name string, labels ...string) (observe func(took time.Duration)) {
	h := d.histograms[name]
	if h == nil {
		panic(fmt.Sprintf("metrics: %s is no histogram of the table", name))
	}
	histogram := h.WithLabelValues(labels...)
	return func(took time.Duration) { histogram.Observe(took.Seconds()) }
}

// Gather implements prometheus.Gatherer.
func (d *Durations) Gather() ([]*dto.MetricFamily, error) { return d.registry.Gather() }
