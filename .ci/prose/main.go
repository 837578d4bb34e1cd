// Command prose measures how a Go tree is worded: the share of comment lines with clauses used as nouns, with "tell" or "told", and
// with indefinite persons, and the share of functions named by a single word, for each package.
//
//	go run . [-check limits.txt] DIR
//
// With -check it fails if a package exceeds the limits at the head of the file, or the higher limits that the file lists for it. A
// package that needs its higher limits no longer has to leave the file, so that figures only fall.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	limits := flag.String("check", "", "fail if a package exceeds the limits in this `file`")
	write := flag.String("write", "", "write the present figures as limits into this `file`")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: prose [-check FILE] [-write FILE] DIR")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *limits, *write); err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(1)
	}
}

func run(dir, limits, write string) error {
	packages, err := measureTree(dir)
	if err != nil {
		return err
	}
	if write != "" {
		return writeLimits(write, packages)
	}
	if limits == "" {
		fmt.Printf("%-36s %8s %8s %7s %8s %9s\n", "package", "comments", "clauses", "tell", "persons", "one word")
		for _, p := range append(packages, total(packages)) {
			fmt.Printf("%-36s %8d %7.1f%% %6.1f%% %7.1f%% %8.0f%%\n", p.Name, p.Comments, p.share(p.Clauses), p.share(p.Tells), p.share(p.Persons), p.oneWordShare())
		}
		return nil
	}
	problems, err := checkLimits(limits, packages)
	if err != nil {
		return err
	}
	slices.Sort(problems)
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		return errors.New("wording exceeds its limits; docs/architecture.md has the rules")
	}
	fmt.Printf("wording of %d packages is within its limits\n", len(packages))
	return nil
}
