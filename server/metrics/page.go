package metrics

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// ContentType is what a page is served as.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is the metric type.
type Kind string

// Kinds of figures.
const (
	Counter   Kind = "counter" // only rises, from 0 at each start
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram" // of durations in seconds
)

var valueTypes = map[Kind]prometheus.ValueType{Counter: prometheus.CounterValue, Gauge: prometheus.GaugeValue}

// Family is one figure with its labels.
type Family struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string
}

// Page gathers samples.
type Page struct {
	families []Family
	more     []prometheus.Gatherer
	samples  map[string]*dto.MetricFamily // by name
}

// NewPage makes a page for samples of families. Those of more are on it, too, where they belong to one of the families.
func NewPage(families []Family, more ...prometheus.Gatherer) *Page {
	return &Page{families: families, more: more, samples: make(map[string]*dto.MetricFamily, len(families))}
}

// Add adds a sample with a value for each label of its family. It panics when there is no such family, it is a histogram, or it
// has other labels, which only a change of code can cause.
func (p *Page) Add(name string, value float64, labels ...string) {
	family := p.family(name)
	if family == nil || len(labels) != len(family.Labels) {
		panic(fmt.Sprintf("metrics: %s with %d labels is not in the table", name, len(labels)))
	}
	valueType, isValue := valueTypes[family.Kind]
	if !isValue {
		panic(fmt.Sprintf("metrics: %s has no single value", name))
	}
	values := make([]string, len(labels))
	for i, label := range labels {
		values[i] = strings.ToValidUTF8(label, "?")
	}
	sample := new(dto.Metric)
	metric := prometheus.MustNewConstMetric(prometheus.NewDesc(name, family.Help, family.Labels, nil), valueType, value, values...)
	if err := metric.Write(sample); err != nil {
		panic(fmt.Sprintf("metrics: %s: %v", name, err))
	}
	of := p.samples[name]
	if of == nil {
		of = &dto.MetricFamily{Name: &family.Name, Help: &family.Help, Type: valueType.ToDTO()}
		p.samples[name] = of
	}
	of.Metric = append(of.Metric, sample)
}

func (p *Page) family(name string) *Family {
	for i := range p.families {
		if p.families[i].Name == name {
			return &p.families[i]
		}
	}
	return nil
}

// WriteTo writes the families in the order of their table. When a gatherer fails, the rest is written nevertheless.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	gathered, failed := prometheus.Gatherers(p.more).Gather()
	for _, of := range gathered {
		p.samples[of.GetName()] = of
	}
	var b strings.Builder
	for i := range p.families {
		if err := p.families[i].write(&b, p.samples[p.families[i].Name]); err != nil {
			return 0, fmt.Errorf("metrics: encode: %w", err)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), errors.Join(failed, err)
}

var escapeHelp = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

// write writes the samples of a family with the labels in the order of the table; without samples it writes the head alone.
func (f *Family) write(b *strings.Builder, samples *dto.MetricFamily) error {
	if len(samples.GetMetric()) == 0 {
		b.WriteString("# HELP " + f.Name + " " + escapeHelp.Replace(f.Help) + "\n# TYPE " + f.Name + " " + string(f.Kind) + "\n")
		return nil
	}
	for _, sample := range samples.Metric {
		sample.Label = slices.Clone(sample.Label) // a gatherer's own are not to be changed
		slices.SortStableFunc(sample.Label, func(a, b *dto.LabelPair) int {
			return slices.Index(f.Labels, a.GetName()) - slices.Index(f.Labels, b.GetName())
		})
	}
	_, err := expfmt.MetricFamilyToText(b, samples)
	return err
}

// WriteMarkdown writes the table of families.
func WriteMarkdown(w io.Writer, families []Family) {
	fmt.Fprint(w, "| Figure | Kind | Labels | Meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, labels, f.Help)
	}
}
