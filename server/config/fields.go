package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Prefix of every environment variable.
const Prefix = "WAYSTATION_"

// field is one setting: its tags and a reference to its value.
type field struct {
	section, name, unit, def, doc, why string
	enum                               []string
	min, max                           string
	secret                             bool
	value                              reflect.Value
}

// fieldList lists the settings of c in the order of the struct.
func fieldList(c *Config) []field {
	section := ""
	return fieldsOf(reflect.ValueOf(c).Elem(), &section)
}

func fieldsOf(v reflect.Value, section *string) []field {
	list := make([]field, 0, v.NumField())
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		tag := v.Type().Field(i).Tag
		if s := tag.Get("section"); s != "" {
			*section = s
		}
		if v.Field(i).Kind() == reflect.Struct { // a group of settings
			list = append(list, fieldsOf(v.Field(i), section)...)
			continue
		}
		f := field{
			section: *section, name: tag.Get("flag"), unit: tag.Get("unit"), def: tag.Get("default"), doc: tag.Get("doc"),
			why: tag.Get("why"), min: tag.Get("min"), max: tag.Get("max"), secret: tag.Get("secret") == "true", value: v.Field(i),
		}
		if e := tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, "|")
		}
		list = append(list, f)
	}
	return list
}

// env returns the name of the variable that sets the field.
func (f *field) env() string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(f.name, "-", "_"))
}

// isBool reports whether the flag takes no value on the command line.
func (f *field) isBool() bool { return f.value.Kind() == reflect.Bool }

// setText parses text into the field. Its error describes what is wrong with the value, and repeats it unless it is
// secret.
func (f *field) setText(text string) error {
	text = strings.TrimSpace(text)
	var err error
	switch f.value.Interface().(type) {
	case string:
		err = f.checkEnum(text)
		f.value.SetString(text)
	case []string:
		f.value.Set(reflect.ValueOf(splitList(text)))
	case bool:
		var b bool
		if b, err = strconv.ParseBool(text); err != nil {
			err = fmt.Errorf("%q is neither true nor false", text)
		}
		f.value.SetBool(b)
	case int:
		var n int64
		if n, err = strconv.ParseInt(text, 10, strconv.IntSize); err != nil {
			return fmt.Errorf("%q is not a whole number of %s", text, f.unit)
		}
		err = inRange(f, n, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
		f.value.SetInt(n)
	case uint64:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fmt.Errorf("%q is not a whole number from 0", text)
		}
		f.value.SetUint(n)
	case float64:
		var n float64
		if n, err = strconv.ParseFloat(text, 64); err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		err = inRange(f, n, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
		f.value.SetFloat(n)
	case time.Duration:
		var d time.Duration
		if d, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%q is not a duration such as 30s, 5m or 24h", text)
		}
		err = inRange(f, d, time.ParseDuration)
		f.value.SetInt(int64(d))
	default:
		panic("config: " + f.name + " has an unknown type")
	}
	return err
}

func (f *field) checkEnum(text string) error {
	if f.enum == nil {
		return nil
	}
	for _, allowed := range f.enum {
		if text == allowed {
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(f.enum, ", "))
}

// inRange checks the limits in the tags. NaN is in no range.
func inRange[T int64 | float64 | time.Duration](f *field, n T, parse func(string) (T, error)) error {
	for _, bound := range []struct {
		text, problem string
		fits          func(limit T) bool
	}{
		{f.min, "less than", func(limit T) bool { return n >= limit }},
		{f.max, "more than", func(limit T) bool { return n <= limit }},
	} {
		if bound.text == "" {
			continue
		}
		limit, err := parse(bound.text)
		if err != nil {
			panic("config: " + f.name + ": bad bound " + bound.text)
		}
		if !bound.fits(limit) {
			return fmt.Errorf("%v is %s %s", n, bound.problem, bound.text)
		}
	}
	return nil
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
