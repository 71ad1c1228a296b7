package flow

// Decide is the dispatcher's decision in words, for the tests of the table.
func Decide(p Plan, r Record) (act string, step StepName, ways []StepName) {
	d := next(p, r)
	return [...]string{"rest", "ask", "prove", "refuse", "leave"}[d.act], d.step, d.ways
}
