package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
)

// limit is the highest share allowed, in percent of comment lines or of functions.
type limit struct{ Clauses, Tells, Persons, OneWord float64 }

// general holds for every package that the file does not list. Packages with fewer than minComments lines of comments or
// minFunctions functions are not measured: one line would decide.
var general = limit{Clauses: 2, Tells: 0.5, Persons: 0.5, OneWord: 40}

const (
	minComments  = 50
	minFunctions = 10
)

// slack is how far above a figure a listed limit may be before the entry has to be lowered.
const slack = 1.0

func (p *figures) shares() limit {
	out := limit{p.share(p.Clauses), p.share(p.Tells), p.share(p.Persons), p.oneWordShare()}
	if p.Comments < minComments {
		out.Clauses, out.Tells, out.Persons = 0, 0, 0
	}
	if p.Functions < minFunctions {
		out.OneWord = 0
	}
	return out
}

func writeLimits(path string, packages []*figures) error {
	var out bytes.Buffer
	out.WriteString("# Packages whose wording exceeds the general limits: clauses, tell, persons, one-word functions (percent).\n")
	for _, p := range packages {
		s := p.shares()
		if s.Clauses > general.Clauses || s.Tells > general.Tells || s.Persons > general.Persons || s.OneWord > general.OneWord {
			fmt.Fprintf(&out, "%s %.1f %.1f %.1f %.0f\n", p.Name, max(s.Clauses+0.05, general.Clauses), max(s.Tells+0.05, general.Tells), max(s.Persons+0.05, general.Persons), max(s.OneWord+0.5, general.OneWord))
		}
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func readLimits(path string) (map[string]limit, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	listed := map[string]limit{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var name string
		var l limit
		if _, err := fmt.Sscan(line, &name, &l.Clauses, &l.Tells, &l.Persons, &l.OneWord); err != nil {
			return nil, fmt.Errorf("%s:%d: want a package and four numbers: %w", path, n, err)
		}
		listed[name] = l
	}
	return listed, lines.Err()
}

// checkLimits lists packages over their limits, entries that are no longer needed, and entries of packages that are gone.
func checkLimits(path string, packages []*figures) (problems []string, err error) {
	listed, err := readLimits(path)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		allowed, isListed := listed[p.Name]
		if !isListed {
			allowed = general
		}
		delete(listed, p.Name)
		has, needed := p.shares(), false
		for _, figure := range []struct {
			name                 string
			has, allowed, common float64
		}{
			{"clauses as nouns", has.Clauses, allowed.Clauses, general.Clauses},
			{"tell or told", has.Tells, allowed.Tells, general.Tells},
			{"nobody, somebody", has.Persons, allowed.Persons, general.Persons},
			{"one-word function names", has.OneWord, allowed.OneWord, general.OneWord},
		} {
			needed = needed || figure.has > figure.common
			if figure.has > figure.allowed {
				problems = append(problems, fmt.Sprintf("%s: %s %.1f %%, allowed are %.1f %%", p.Name, figure.name, figure.has, figure.allowed))
			}
			if figure.allowed > max(figure.has, figure.common)+slack {
				problems = append(problems, fmt.Sprintf("%s: %s %.1f %%: lower the limit of %.1f %% in %s", p.Name, figure.name, figure.has, figure.allowed, path))
			}
		}
		if isListed && !needed {
			problems = append(problems, fmt.Sprintf("%s: is within the general limits; take it out of %s", p.Name, path))
		}
	}
	for name := range listed {
		problems = append(problems, fmt.Sprintf("%s: is listed in %s but does not exist", name, path))
	}
	return problems, nil
}
