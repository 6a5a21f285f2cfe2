SELECT version FROM routing
