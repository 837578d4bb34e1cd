package rpc

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rules are the constraints in the tag `rpc:"..."` of a value.
type rules struct {
	required bool
	min, max *float64 // of a number; of the length of a string (characters), array or object
	enum     []string // of a string, or of each string in an array
	format   string   // of a string, or of each string in an array
	each     *rules   // of each element of an array
}

// parseRules reads a tag: "required,min=1,max=65536,enum=a|b,format=jid,each.min=1,each.max=40".
func parseRules(tag string, p *plan) (rules, error) {
	var r rules
	if tag == "" {
		return r, nil
	}
	for _, rule := range strings.Split(tag, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(rule), "=")
		to := &r
		if rest, ok := strings.CutPrefix(key, "each."); ok {
			key = rest
			if r.each == nil {
				r.each = &rules{}
			}
			to = r.each
		}
		if err := to.setRule(key, value); err != nil {
			return r, fmt.Errorf("rule %q: %w", rule, err)
		}
	}
	return r, r.fits(p.base())
}

func (r *rules) setRule(key, value string) error {
	switch key {
	case "required":
		r.required = true
	case "min", "max":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("not a number: %w", err)
		}
		if key == "min" {
			r.min = &n
		} else {
			r.max = &n
		}
	case "enum":
		if value == "" {
			return fmt.Errorf("no values")
		}
		r.enum = strings.Split(value, "|")
	case "format":
		if _, known := formats[value]; !known {
			return fmt.Errorf("unknown format")
		}
		r.format = value
	default:
		return fmt.Errorf("unknown rule")
	}
	return nil
}

// fits reports whether the rules apply to the shape, so that a wrong tag is found when the method is registered.
func (r *rules) fits(p *plan) error {
	if r.each != nil {
		if p.shape != shapeSlice && p.shape != shapeMap {
			return fmt.Errorf("each.* is for arrays and objects")
		}
		if err := r.each.fits(p.elem.base()); err != nil {
			return err
		}
	}
	if r.min != nil || r.max != nil {
		switch p.shape {
		case shapeString, shapeInt, shapeUint, shapeFloat, shapeSlice, shapeMap, shapeBytes:
		default:
			return fmt.Errorf("min and max are for numbers, strings, arrays and objects")
		}
	}
	if r.enum != nil || r.format != "" {
		leaf := p
		if leaf.shape == shapeSlice {
			leaf = leaf.elem.base()
		}
		numeric := leaf.shape == shapeInt || leaf.shape == shapeUint
		if leaf.shape != shapeString && (r.format != "" || !numeric) && leaf.shape != shapeCustom && leaf.shape != shapeTime {
			return fmt.Errorf("enum and format are for strings")
		}
	}
	return nil
}

// checkValue returns the problem with a decoded value, or "".
func (r *rules) checkValue(p *plan, v reflect.Value) string {
	switch p.shape {
	case shapeString:
		return r.checkString(v.String())
	case shapeInt:
		if problem := r.checkNumber(float64(v.Int())); problem != "" {
			return problem
		}
		return r.checkEnum(strconv.FormatInt(v.Int(), 10))
	case shapeUint:
		if problem := r.checkNumber(float64(v.Uint())); problem != "" {
			return problem
		}
		return r.checkEnum(strconv.FormatUint(v.Uint(), 10))
	case shapeFloat:
		return r.checkNumber(v.Float())
	case shapeSlice:
		return r.checkLength(v.Len(), "items")
	case shapeMap:
		return r.checkLength(v.Len(), "members")
	case shapeBytes:
		return r.checkLength(v.Len(), "bytes")
	}
	return ""
}

func (r *rules) checkString(s string) string {
	if r.min != nil || r.max != nil {
		if problem := r.checkLength(utf8.RuneCountInString(s), "characters"); problem != "" {
			return problem
		}
	}
	return r.checkText(s)
}

// checkText checks the rules of a single string: enum and format.
func (r *rules) checkText(s string) string {
	if problem := r.checkEnum(s); problem != "" {
		return problem
	}
	if r.format != "" {
		return formats[r.format].check(s)
	}
	return ""
}

func (r *rules) checkEnum(s string) string {
	if r.enum == nil {
		return ""
	}
	for _, e := range r.enum {
		if e == s {
			return ""
		}
	}
	return "must be one of " + strings.Join(r.enum, ", ")
}

func (r *rules) checkNumber(n float64) string {
	if r.min != nil && n < *r.min {
		return "must be at least " + number(*r.min)
	}
	if r.max != nil && n > *r.max {
		return "must be at most " + number(*r.max)
	}
	return ""
}

func (r *rules) checkLength(n int, unit string) string {
	if r.min != nil && float64(n) < *r.min {
		if *r.min == 1 {
			return "must not be empty"
		}
		return "must have at least " + number(*r.min) + " " + unit
	}
	if r.max != nil && float64(n) > *r.max {
		return "must have at most " + number(*r.max) + " " + unit
	}
	return ""
}

func number(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}
