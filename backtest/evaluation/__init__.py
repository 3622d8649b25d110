"""Judging the rules on labelled tapes: make or take tapes, run the flow, join what it said to what was planted.

`tapes` makes them, `running` runs the flow, `joining` finds the label behind each verdict, `scoring` counts, `report`
is what is counted, `page` and `table` show it.
"""
