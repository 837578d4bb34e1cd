// Package people stores, for each session, which phone number and LID belong to one person, and the stable contact key of that person.
package people
