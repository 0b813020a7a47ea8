module seep.test/holders

go 1.18
