-- What a row's figure has to be, against its baseline or by itself.
local goals = {}

-- How much better than the baseline.
function goals.times(row)
  if not (row.figure and row.baseline) then
    return nil
  elseif row.more_is_better then
    return row.figure.p50 / row.baseline.p50
  end
  return row.baseline.p50 / row.figure.p50
end

local function met(row, goal)
  if goal.most then
    return row.figure.p50 <= goal.most
  end
  return goals.times(row) >= goal.times
end

---How a goal is written: "<= 1/40", ">= 30 x", "<= 2 s".
function goals.text(row, goal)
  if not goal then
    return "-"
  elseif goal.most then
    return ("<= %g %s"):format(goal.most, row.unit)
  elseif row.more_is_better then
    return (">= %g x"):format(goal.times)
  end
  return ("<= 1/%g"):format(goal.times)
end

---How far the row is: "aim", "must", "missed"; "-" when it has no goal or no figure.
function goals.reached(row)
  if not row.figure or not (row.must or row.aim) then
    return "-"
  elseif row.aim and met(row, row.aim) then
    return "aim"
  elseif row.must then
    return met(row, row.must) and "must" or "missed"
  end
  return "no"
end

return goals
