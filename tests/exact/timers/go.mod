module seep.test/timers

go 1.18
