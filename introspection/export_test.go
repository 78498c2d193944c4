package introspection

import "encoding/json"

// RowsKept returns how many rows of a JSON list are kept.
func RowsKept(list string) (n int, err error) {
	var all rows[question]
	err = json.Unmarshal([]byte(list), &all)
	return len(all), err
}
