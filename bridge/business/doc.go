// Package business implements the queries for businesses, their links and bots.
//
// Start reading at Service.
package business
