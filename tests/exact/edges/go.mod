module seep.test/edges

go 1.18
