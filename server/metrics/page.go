package metrics

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ContentType is what a page is served as.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind says how a figure moves.
type Kind string

// Kinds of figures.
const (
	Counter Kind = "counter" // only rises, from 0 at each start
	Gauge   Kind = "gauge"
)

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
	samples  map[string][]string // lines by family
}

// NewPage makes a page for samples of families.
func NewPage(families []Family) *Page {
	return &Page{families: families, samples: make(map[string][]string, len(families))}
}

// Add adds a sample with a value for each label of its family. It panics when there is no such family, or it has other
// labels, which only a change of code can cause.
func (p *Page) Add(name string, value float64, labels ...string) {
	family := p.family(name)
	if family == nil || len(labels) != len(family.Labels) {
		panic(fmt.Sprintf("metrics: %s with %d labels is not in the table", name, len(labels)))
	}
	var b strings.Builder
	b.WriteString(name)
	for i, label := range family.Labels {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		b.WriteString(label + `="` + escapeLabel.Replace(strings.ToValidUTF8(labels[i], "?")) + `"`)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
	p.samples[name] = append(p.samples[name], b.String())
}

func (p *Page) family(name string) *Family {
	for i := range p.families {
		if p.families[i].Name == name {
			return &p.families[i]
		}
	}
	return nil
}

var (
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

// WriteTo writes the families in the order of their table.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, f := range p.families {
		b.WriteString("# HELP " + f.Name + " " + escapeHelp.Replace(f.Help) + "\n# TYPE " + f.Name + " " + string(f.Kind) + "\n")
		for _, line := range p.samples[f.Name] {
			b.WriteString(line)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
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
