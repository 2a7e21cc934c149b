-- Whether it was kept ready (parked) or built when it was asked for; NULL: not known, or not running yet.
ALTER TABLE sandboxes ADD COLUMN start_kind text CHECK (start_kind IN ('cold', 'parked'));
